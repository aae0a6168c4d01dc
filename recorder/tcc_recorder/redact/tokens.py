"""The shapes of tokens, as data: one row a shape, with who issues it.

Prefixes, alphabets and lengths are facts that the issuers publish: in the documentation of their keys, in what they
register for secret scanning, or by every key that they hand out.  Where a length is not promised, the row has a range.
Precision comes from prefix, alphabet and length; ``needs`` is for prefixes that look like a word.
"""

from typing import Final, NamedTuple

ALNUM: Final = "A-Za-z0-9"
LOWER: Final = "a-z0-9"
UPPER: Final = "A-Z0-9"
HEX: Final = "0-9a-fA-F"
WORD: Final = "A-Za-z0-9_-"
DOTTED: Final = "A-Za-z0-9_.-"
BASE64: Final = "A-Za-z0-9+/=_-"

DIGIT: Final = "digit"
MIXED: Final = "lower, upper and digit"


class Shape(NamedTuple):
    """One of ``prefixes``, then ``least`` to ``most`` characters of ``alphabet``.

    ``needs`` is what must be among them.
    """

    prefixes: str
    alphabet: str
    least: int
    most: int
    issuer: str
    needs: str = ""


S: Final = Shape
SHAPES: Final = (
    # models, and what agents use beside them
    S("sk-ant-", WORD, 24, 200, "Anthropic"),
    S("sk-proj- sk-svcacct- sk-admin-", WORD, 20, 220, "OpenAI", DIGIT),
    S("sess-", ALNUM, 40, 40, "OpenAI", MIXED),
    S("sk-or-v1-", HEX, 32, 64, "OpenRouter"),
    S("sk-lf-", HEX + "-", 36, 36, "Langfuse"),
    S("sk-helicone-", WORD, 20, 64, "Helicone", DIGIT),
    S("sk-kimi-", ALNUM, 32, 80, "Moonshot AI"),
    S("sk-litellm-", WORD, 16, 80, "LiteLLM", DIGIT),
    S("sk-", ALNUM, 16, 128, "OpenAI, DeepSeek, Moonshot AI, Stability AI, Alibaba Model Studio, LiteLLM", DIGIT),
    S("sk_", HEX, 48, 48, "ElevenLabs"),
    S("gsk_", ALNUM, 30, 80, "Groq"),
    S("xai-", ALNUM, 60, 100, "xAI"),
    S("pplx-", ALNUM, 40, 64, "Perplexity"),
    S("csk-", ALNUM, 40, 64, "Cerebras"),
    S("hf_ api_org_", ALNUM, 30, 40, "Hugging Face"),
    S("r8_", ALNUM, 36, 40, "Replicate"),
    S("fw_", ALNUM, 20, 32, "Fireworks AI", DIGIT),
    S("tgp_v1_", WORD, 40, 48, "Together AI"),
    S("nvapi-", WORD, 56, 80, "NVIDIA"),
    S("pa-", WORD, 40, 48, "Voyage AI", MIXED),
    S("jina_", WORD, 50, 70, "Jina AI"),
    S("pcsk_", WORD, 50, 90, "Pinecone"),
    S("tvly-", WORD, 28, 60, "Tavily", DIGIT),
    S("fc-", HEX, 32, 32, "Firecrawl"),
    S("apify_api_", ALNUM, 30, 44, "Apify"),
    S("e2b_", HEX, 40, 40, "E2B"),
    S("wandb_v1_", WORD, 40, 110, "Weights & Biases"),
    S("lsv2_pt_ lsv2_sk_", HEX + "_", 40, 50, "LangSmith"),
    S("ls__", HEX, 32, 32, "LangSmith"),
    S("ak- as-", ALNUM, 20, 26, "Modal", MIXED),
    S("llx-", ALNUM, 40, 60, "LlamaCloud"),
    S("esecret_", ALNUM, 24, 40, "Anyscale"),
    S("up_", ALNUM, 30, 36, "Upstage", MIXED),
    S("m0-", ALNUM, 36, 44, "Mem0", MIXED),
    S("bb_live_", WORD, 24, 44, "Browserbase"),
    S("BSA", WORD, 24, 32, "Brave Search", MIXED),
    S("ctx7sk-", WORD, 32, 44, "Context7"),
    S("key_", HEX, 64, 64, "Cursor"),
    S("vck_", ALNUM, 40, 70, "Vercel AI Gateway"),
    S("service_ dev_", ALNUM, 16, 64, "The Context Company", DIGIT),
    # clouds and hosting
    S("AKIA ASIA ABIA ACCA", UPPER, 16, 16, "AWS"),
    S("ABSK", BASE64, 80, 300, "AWS Bedrock"),
    S("bedrock-api-key-", BASE64, 40, 2000, "AWS Bedrock"),
    S("AIza", WORD, 35, 35, "Google"),
    S("AQ.", WORD, 40, 80, "Google", MIXED),
    S("GOCSPX-", WORD, 20, 32, "Google"),
    S("ya29.", DOTTED, 20, 2048, "Google"),
    S("LTAI", ALNUM, 16, 26, "Alibaba Cloud", DIGIT),
    S("AKID", ALNUM, 28, 36, "Tencent Cloud", DIGIT),
    S("AKLT", ALNUM, 30, 60, "Volcengine", DIGIT),
    S("SCW", UPPER, 17, 17, "Scaleway", DIGIT),
    S("HRKU-", WORD, 30, 80, "Heroku"),
    S("dop_v1_ doo_v1_ dor_v1_", HEX, 64, 64, "DigitalOcean"),
    S("DO00", UPPER, 16, 16, "DigitalOcean", DIGIT),
    S("v1.0-", HEX + "-", 120, 190, "Cloudflare"),
    S("cfat_ cfut_ cfk_", WORD, 36, 60, "Cloudflare"),
    S("nfp_ nfc_ nfo_ nfu_ nfb_", ALNUM, 34, 44, "Netlify"),
    S("vcp_ vci_ vca_ vcr_", ALNUM, 24, 64, "Vercel"),
    S("vercel_blob_rw_", WORD, 30, 80, "Vercel"),
    S("rnd_", ALNUM, 26, 36, "Render"),
    S("fo1_", WORD, 40, 48, "Fly.io"),
    S("fm1_ fm1r_ fm1a_ fm2_", BASE64, 60, 2000, "Fly.io"),
    S("tskey-", WORD, 16, 80, "Tailscale", DIGIT),
    S("napi_", LOWER, 40, 80, "Neon"),
    S("sbp_ sbp_v0_ sbp_oauth_", HEX, 40, 40, "Supabase"),
    S("sb_secret_", WORD, 28, 40, "Supabase"),
    S("pscale_tkn_ pscale_pw_ pscale_oauth_", DOTTED, 32, 64, "PlanetScale"),
    S("mdb_sa_sk_", WORD, 36, 48, "MongoDB Atlas"),
    S("CCDB1_", WORD, 40, 80, "CockroachDB"),
    S("xau_", ALNUM, 30, 44, "Xata"),
    S("fnA", WORD, 36, 44, "Fauna", MIXED),
    S("4b1d", ALNUM, 38, 38, "ClickHouse Cloud"),
    S("dapi", HEX + "-", 32, 34, "Databricks"),
    S("dkea dose", HEX, 32, 32, "Databricks"),
    S("dbtc_ dbtu_", WORD, 32, 80, "dbt Cloud"),
    S("t1.", DOTTED, 100, 300, "Yandex Cloud", MIXED),
    S("y0_", WORD, 50, 70, "Yandex"),
    S("AQVN", WORD, 34, 40, "Yandex Cloud", MIXED),
    S("vk1.a.", WORD, 80, 300, "VK"),
    # code hosts and CI
    S("ghp_ gho_ ghu_ ghr_", ALNUM, 16, 255, "GitHub", DIGIT),
    S("ghs_", DOTTED, 16, 600, "GitHub", DIGIT),
    S("github_pat_", ALNUM + "_", 22, 255, "GitHub"),
    S(
        "glpat- gldt- glrt- glrtr- glcbt- glptt- glft- glimt- glagent- gloas- glsoat- glffct- glwt-",
        DOTTED,
        16,
        300,
        "GitLab",
    ),
    S("GR1348941", WORD, 20, 20, "GitLab"),
    S("ATATT3", BASE64, 60, 300, "Atlassian"),
    S("ATCTT3", BASE64, 60, 300, "Bitbucket"),
    S("ATSTT3", BASE64, 60, 300, "Atlassian"),
    S("ATBB", ALNUM, 24, 36, "Bitbucket", MIXED),
    S("ATTA", HEX, 60, 76, "Trello"),
    S("sgp_", HEX + "_", 40, 64, "Sourcegraph"),
    S("sqp_ squ_ sqa_", HEX, 40, 40, "SonarQube"),
    S("bkua_", HEX, 40, 40, "Buildkite"),
    S("bkct_", WORD, 30, 300, "Buildkite"),
    S("bkpt_", HEX, 40, 40, "Buildkite"),
    S("bkat_", WORD, 30, 300, "Buildkite"),
    S("CCIPAT_ CCIPRJ_", ALNUM + "_", 40, 90, "CircleCI"),
    S("pul-", HEX, 40, 40, "Pulumi"),
    S("pnu_ pnb_", ALNUM, 36, 36, "Prefect"),
    S("pat. sat.", DOTTED, 60, 80, "Harness", MIXED),
    S("API-", UPPER, 25, 36, "Octopus Deploy", DIGIT),
    S("lin_api_", ALNUM, 32, 64, "Linear"),
    S("lin_oauth_", ALNUM, 32, 80, "Linear"),
    S("PMAK-", HEX + "-", 59, 59, "Postman"),
    S("PMAT-", UPPER, 24, 32, "Postman"),
    S("rdme_", LOWER, 60, 80, "ReadMe"),
    S("tr_dev_ tr_prod_", ALNUM, 20, 40, "Trigger.dev"),
    S("signkey-", WORD, 32, 90, "Inngest", DIGIT),
    # package registries
    S("npm_", ALNUM, 36, 36, "npm"),
    S("pypi-", WORD, 50, 300, "PyPI", DIGIT),
    S("rubygems_", HEX, 48, 48, "RubyGems"),
    S("cio", ALNUM, 32, 32, "crates.io", MIXED),
    S("oy2", LOWER, 43, 43, "NuGet", DIGIT),
    S("dckr_pat_ dckr_oat_", WORD, 24, 40, "Docker Hub"),
    S("AKCp", ALNUM, 60, 80, "JFrog"),
    S("cmVmd", BASE64, 50, 66, "JFrog", MIXED),
    S("CLOJARS_", HEX, 60, 60, "Clojars"),
    S("packagist_", ALNUM + "_", 40, 90, "Packagist"),
    # secret stores
    S("hvs.", WORD, 24, 300, "HashiCorp Vault"),
    S("hvb. hvr.", WORD, 24, 400, "HashiCorp Vault"),
    S("s.", ALNUM, 24, 24, "HashiCorp Vault", MIXED),
    S("A3-", UPPER + "-", 30, 38, "1Password", DIGIT),
    S("ops_eyJ", BASE64, 60, 1500, "1Password"),
    S("dp.pt. dp.st. dp.ct. dp.sa. dp.said. dp.scim. dp.audit.", DOTTED, 40, 64, "Doppler", DIGIT),
    S("st.", HEX + ".-", 50, 140, "Infisical"),
    S("AGE-SECRET-KEY-1", UPPER, 58, 58, "age"),
    S("xprv", ALNUM, 107, 108, "BIP 32"),
    # chat
    S("xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs-", ALNUM + "%-", 16, 400, "Slack", DIGIT),
    S("xoxe.xox", ALNUM + "-", 24, 400, "Slack", DIGIT),
    S("xapp- xwfp-", ALNUM + "-", 24, 200, "Slack", DIGIT),
    S("EAA", ALNUM, 80, 400, "Meta", MIXED),
    # payment and commerce
    S("sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_", WORD, 16, 255, "Stripe, Clerk, Paystack", DIGIT),
    S("whsec_", BASE64, 24, 90, "Stripe, Svix"),
    S("EAAA", WORD, 56, 64, "Square", MIXED),
    S("sq0atp-", WORD, 22, 22, "Square"),
    S("sq0csp-", WORD, 43, 43, "Square"),
    S("A21AA", WORD, 80, 110, "PayPal", MIXED),
    S("rzp_live_ rzp_test_", ALNUM, 14, 24, "Razorpay"),
    S("live_", WORD, 30, 44, "Mollie, GoCardless", MIXED),
    S("test_", WORD, 30, 36, "Mollie", MIXED),
    S("live_ test_", HEX, 35, 35, "Lob"),
    S("AQE", BASE64, 60, 220, "Adyen", MIXED),
    S("FLWSECK-", ALNUM + "-", 30, 44, "Flutterwave"),
    S("FLWSECK_TEST-", ALNUM + "-", 16, 44, "Flutterwave", DIGIT),
    S("duffel_live_ duffel_test_", WORD, 40, 48, "Duffel"),
    S("access-sandbox- access-development- access-production-", HEX + "-", 36, 36, "Plaid"),
    S("xnd_development_ xnd_production_", WORD, 40, 100, "Xendit"),
    S("shpat_ shpca_ shppa_ shpss_ shpua_ shptka_ shprt_", HEX, 32, 40, "Shopify"),
    S("shippo_live_ shippo_test_", HEX, 40, 40, "Shippo"),
    S("EZAK EZTK", ALNUM, 54, 54, "EasyPost"),
    # mail and telephony
    S("SG.", DOTTED, 40, 80, "SendGrid", MIXED),
    S("xkeysib- xsmtpsib-", ALNUM + "-", 60, 90, "Brevo"),
    S("key-", HEX, 32, 32, "Mailgun"),
    S("key-", LOWER, 32, 32, "Mailgun", DIGIT),
    S("re_", ALNUM + "_", 24, 40, "Resend", MIXED),
    S("mlsn.", HEX, 60, 70, "MailerSend"),
    S("md-", WORD, 22, 22, "Mandrill", MIXED),
    S("pk_", HEX, 34, 34, "Klaviyo"),
    S("SK", HEX, 32, 32, "Twilio"),
    # observability
    S("glsa_", ALNUM + "_", 40, 44, "Grafana"),
    S("glc_", BASE64, 40, 400, "Grafana Cloud"),
    S("NRAK-", ALNUM, 27, 27, "New Relic"),
    S("NRII-", WORD, 32, 32, "New Relic"),
    S("NRRA-", HEX, 42, 42, "New Relic"),
    S("NRIQ-", WORD, 32, 32, "New Relic"),
    S("hcaik_ hcbik_ hcamk_ hcxik_", LOWER, 50, 64, "Honeycomb"),
    S("sntrys_", BASE64, 60, 400, "Sentry"),
    S("sntryu_ sntrya_", HEX, 64, 64, "Sentry"),
    S("dt0c01.", DOTTED, 80, 100, "Dynatrace"),
    S("dt0s01. dt0s16.", DOTTED, 70, 100, "Dynatrace"),
    S("phx_", ALNUM, 40, 56, "PostHog"),
    S("xaat- xapt-", HEX + "-", 36, 36, "Axiom"),
    S("cxtp_ cxup_", ALNUM, 26, 40, "Coralogix"),
    S("essu_", BASE64, 40, 120, "Elastic"),
    S("rootly_", HEX, 64, 64, "Rootly"),
    S("sdk- api-", HEX + "-", 36, 36, "LaunchDarkly"),
    # other services
    S("pat-na1- pat-na2- pat-eu1-", HEX + "-", 36, 36, "HubSpot"),
    S("ntn_", ALNUM, 40, 50, "Notion"),
    S("secret_", ALNUM, 43, 43, "Notion"),
    S("figd_ figo_", WORD, 36, 48, "Figma"),
    S("CFPAT-", WORD, 40, 48, "Contentful"),
    S("tfp_", WORD, 40, 64, "Typeform"),
    S("sk.eyJ", DOTTED, 60, 200, "Mapbox"),
    S("p.eyJ", DOTTED, 60, 300, "Tinybird"),
    S("sl.", DOTTED, 60, 1500, "Dropbox", MIXED),
    S("dG9rO", BASE64, 50, 60, "Intercom", MIXED),
    S("fio-u-", WORD, 60, 68, "Frame.io"),
    S("sk", ALNUM, 120, 220, "Sanity", MIXED),
    S("secret-", ALNUM, 32, 48, "Statsig", DIGIT),
    S("aio_", ALNUM, 28, 28, "Adafruit IO", DIGIT),
    S("AAAAAAAAAAAAAAAAAAAA", ALNUM + "%", 60, 140, "X", MIXED),
    S("KGAT_", HEX, 32, 32, "Kaggle"),
    S("unkey_", WORD, 20, 48, "Unkey", DIGIT),
    S("00", WORD, 40, 40, "Okta", MIXED),
)
