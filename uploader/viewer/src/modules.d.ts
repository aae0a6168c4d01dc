/** The bundled script of a worker, as a text; build.mjs makes it. */
declare module "worker:*" {
  const source: string;
  export default source;
}
