import type { Json, Members } from "../data/format";
import { LongInteger, parseJson, toJson } from "./exact";

/** Whether a text may be JSON with members. */
export const looksLikeJson = (text: string): boolean => /^\s*[[{]/.test(text);

/** The value of a JSON text with members, else undefined. */
export function parsed(text: string): Json | undefined {
  if (!looksLikeJson(text)) return undefined;
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** A recorded value for reading: JSON is indented, a text stays. */
export function pretty(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  const tree = typeof value === "string" ? parsed(value) : value;
  return tree === undefined ? String(value) : toJson(tree, 2);
}

/** A recorded value as text. */
export const asText = (value: Json | undefined): string =>
  value === undefined || value === null ? "" : typeof value === "string" ? value : toJson(value);

/** A recorded value as a number; 0 if it is none. */
export const asNumber = (value: Json | undefined): number => (typeof value === "number" ? value : 0);

const WITH_ZONE = /Z|[+-]\d\d:?\d\d$/i;

/** A recorded time in milliseconds since 1970; without a zone it is UTC. `otherwise` if it is none. */
export function asTime(value: Json | undefined, otherwise: number): number {
  const time = typeof value === "string" ? Date.parse(WITH_ZONE.test(value) ? value : `${value}Z`) : NaN;
  return Number.isNaN(time) ? otherwise : time;
}

const isObject = (value: Json | undefined): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof LongInteger);

/** The members of a recorded object; nothing for anything else. */
export const members = (value: Json | undefined): [string, Json][] => (isObject(value) ? Object.entries(value) : []);

/** One member of a recorded object that is its own: `__proto__` of a record is data. */
export const member = (value: Json | undefined, name: string): Json | undefined =>
  isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
