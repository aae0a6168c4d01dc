"""The shapes of tokens, as data: one row a shape, with who issues it.

Prefixes, alphabets and lengths are facts that the issuers publish, in the documentation of their keys and with every
key that they hand out.  Where a length is not promised, the row has a range.
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

    ``needs`` is what must be among them; ``published`` is where the issuer documents its keys.
    """

    prefixes: str
    alphabet: str
    least: int
    most: int
    issuer: str
    published: str
    needs: str = ""


S: Final = Shape
SHAPES: Final = (
    # models, and what agents use beside them
    S("sk-ant-", WORD, 24, 200, "Anthropic", "docs.anthropic.com"),
    S("sk-proj- sk-svcacct- sk-admin-", WORD, 20, 220, "OpenAI", "platform.openai.com", DIGIT),
    S("sess-", ALNUM, 40, 40, "OpenAI", "platform.openai.com", MIXED),
    S("sk-or-v1-", HEX, 32, 64, "OpenRouter", "openrouter.ai/docs"),
    S("sk-lf-", HEX + "-", 36, 36, "Langfuse", "langfuse.com/docs"),
    S("sk-helicone-", WORD, 20, 64, "Helicone", "docs.helicone.ai", DIGIT),
    S("sk-kimi-", ALNUM, 32, 80, "Moonshot AI", "platform.moonshot.ai"),
    S("sk-litellm-", WORD, 16, 80, "LiteLLM", "docs.litellm.ai", DIGIT),
    S("sk-", ALNUM, 16, 128, "OpenAI, DeepSeek, Moonshot AI, Stability AI, Qwen", "platform.openai.com", DIGIT),
    S("sk_", HEX, 48, 48, "ElevenLabs", "elevenlabs.io/docs"),
    S("gsk_", ALNUM, 30, 80, "Groq", "console.groq.com/docs"),
    S("xai-", ALNUM, 60, 100, "xAI", "docs.x.ai"),
    S("pplx-", ALNUM, 40, 64, "Perplexity", "docs.perplexity.ai"),
    S("csk-", ALNUM, 40, 64, "Cerebras", "inference-docs.cerebras.ai"),
    S("hf_ api_org_", ALNUM, 30, 40, "Hugging Face", "huggingface.co/docs"),
    S("r8_", ALNUM, 36, 40, "Replicate", "replicate.com/docs"),
    S("fw_", ALNUM, 20, 32, "Fireworks AI", "docs.fireworks.ai", DIGIT),
    S("tgp_v1_", WORD, 40, 48, "Together AI", "docs.together.ai"),
    S("nvapi-", WORD, 56, 80, "NVIDIA", "docs.nvidia.com"),
    S("pa-", WORD, 40, 48, "Voyage AI", "docs.voyageai.com", MIXED),
    S("jina_", WORD, 50, 70, "Jina AI", "jina.ai"),
    S("pcsk_", WORD, 50, 90, "Pinecone", "docs.pinecone.io"),
    S("tvly-", WORD, 28, 60, "Tavily", "docs.tavily.com", DIGIT),
    S("fc-", HEX, 32, 32, "Firecrawl", "docs.firecrawl.dev"),
    S("apify_api_", ALNUM, 30, 44, "Apify", "docs.apify.com"),
    S("e2b_", HEX, 40, 40, "E2B", "e2b.dev/docs"),
    S("wandb_v1_", WORD, 40, 110, "Weights & Biases", "docs.wandb.ai"),
    S("lsv2_pt_ lsv2_sk_", HEX + "_", 40, 50, "LangSmith", "docs.langchain.com"),
    S("ls__", HEX, 32, 32, "LangSmith", "docs.langchain.com"),
    S("ak- as-", ALNUM, 20, 26, "Modal", "modal.com/docs", MIXED),
    S("llx-", ALNUM, 40, 60, "LlamaCloud", "docs.cloud.llamaindex.ai"),
    S("esecret_", ALNUM, 24, 40, "Anyscale", "docs.anyscale.com"),
    S("up_", ALNUM, 30, 36, "Upstage", "console.upstage.ai", MIXED),
    S("m0-", ALNUM, 36, 44, "Mem0", "docs.mem0.ai", MIXED),
    S("bb_live_", WORD, 24, 44, "Browserbase", "docs.browserbase.com"),
    S("BSA", WORD, 24, 32, "Brave Search", "api-dashboard.search.brave.com", MIXED),
    S("ctx7sk-", WORD, 32, 44, "Context7", "context7.com/docs"),
    S("key_", HEX, 64, 64, "Cursor", "docs.cursor.com"),
    S("vck_", ALNUM, 40, 70, "Vercel AI Gateway", "vercel.com/docs"),
    S("service_ dev_", ALNUM, 16, 64, "The Context Company", "thecontext.company", DIGIT),
    # clouds and hosting
    S("AKIA ASIA ABIA ACCA", UPPER, 16, 16, "AWS", "docs.aws.amazon.com/IAM"),
    S("ABSK", BASE64, 80, 300, "AWS Bedrock", "docs.aws.amazon.com/bedrock"),
    S("bedrock-api-key-", BASE64, 40, 2000, "AWS Bedrock", "docs.aws.amazon.com/bedrock"),
    S("AIza", WORD, 35, 35, "Google", "cloud.google.com/docs/authentication"),
    S("AQ.", WORD, 40, 80, "Google", "cloud.google.com/docs/authentication", MIXED),
    S("GOCSPX-", WORD, 20, 32, "Google", "cloud.google.com/docs/authentication"),
    S("ya29.", DOTTED, 20, 2048, "Google", "cloud.google.com/docs/authentication"),
    S("LTAI", ALNUM, 16, 26, "Alibaba Cloud", "alibabacloud.com/help", DIGIT),
    S("AKID", ALNUM, 28, 36, "Tencent Cloud", "tencentcloud.com/document", DIGIT),
    S("AKLT", ALNUM, 30, 60, "Volcengine", "volcengine.com/docs", DIGIT),
    S("SCW", UPPER, 17, 17, "Scaleway", "scaleway.com/en/docs", DIGIT),
    S("HRKU-", WORD, 30, 80, "Heroku", "devcenter.heroku.com"),
    S("dop_v1_ doo_v1_ dor_v1_", HEX, 64, 64, "DigitalOcean", "docs.digitalocean.com"),
    S("DO00", UPPER, 16, 16, "DigitalOcean", "docs.digitalocean.com", DIGIT),
    S("v1.0-", HEX + "-", 120, 190, "Cloudflare", "developers.cloudflare.com"),
    S("cfat_ cfut_ cfk_", WORD, 36, 60, "Cloudflare", "developers.cloudflare.com"),
    S("nfp_ nfc_ nfo_ nfu_ nfb_", ALNUM, 34, 44, "Netlify", "docs.netlify.com"),
    S("vcp_ vci_ vca_ vcr_", ALNUM, 24, 64, "Vercel", "vercel.com/docs"),
    S("vercel_blob_rw_", WORD, 30, 80, "Vercel", "vercel.com/docs"),
    S("rnd_", ALNUM, 26, 36, "Render", "render.com/docs"),
    S("fo1_", WORD, 40, 48, "Fly.io", "fly.io/docs"),
    S("fm1_ fm1r_ fm1a_ fm2_", BASE64, 60, 2000, "Fly.io", "fly.io/docs"),
    S("tskey-", WORD, 16, 80, "Tailscale", "tailscale.com/kb", DIGIT),
    S("napi_", LOWER, 40, 80, "Neon", "neon.com/docs"),
    S("sbp_ sbp_v0_ sbp_oauth_", HEX, 40, 40, "Supabase", "supabase.com/docs"),
    S("sb_secret_", WORD, 28, 40, "Supabase", "supabase.com/docs"),
    S("pscale_tkn_ pscale_pw_ pscale_oauth_", DOTTED, 32, 64, "PlanetScale", "planetscale.com/docs"),
    S("mdb_sa_sk_", WORD, 36, 48, "MongoDB Atlas", "mongodb.com/docs/atlas"),
    S("CCDB1_", WORD, 40, 80, "CockroachDB", "cockroachlabs.com/docs"),
    S("xau_", ALNUM, 30, 44, "Xata", "xata.io/docs"),
    S("fnA", WORD, 36, 44, "Fauna", "docs.fauna.com", MIXED),
    S("4b1d", ALNUM, 38, 38, "ClickHouse Cloud", "clickhouse.com/docs"),
    S("dapi", HEX + "-", 32, 34, "Databricks", "docs.databricks.com"),
    S("dkea dose", HEX, 32, 32, "Databricks", "docs.databricks.com"),
    S("dbtc_ dbtu_", WORD, 32, 80, "dbt Cloud", "docs.getdbt.com"),
    S("t1.", DOTTED, 100, 300, "Yandex Cloud", "yandex.cloud/docs", MIXED),
    S("y0_", WORD, 50, 70, "Yandex", "yandex.ru/dev"),
    S("AQVN", WORD, 34, 40, "Yandex Cloud", "yandex.cloud/docs", MIXED),
    S("vk1.a.", WORD, 80, 300, "VK", "dev.vk.com"),
    # code hosts and CI
    S("ghp_ gho_ ghu_ ghr_", ALNUM, 16, 255, "GitHub", "docs.github.com", DIGIT),
    S("ghs_", DOTTED, 16, 600, "GitHub", "docs.github.com", DIGIT),
    S("github_pat_", ALNUM + "_", 22, 255, "GitHub", "docs.github.com"),
    S(
        "glpat- gldt- glrt- glrtr- glcbt- glptt- glft- glimt- glagent- gloas- glsoat- glffct- glwt-",
        DOTTED,
        16,
        300,
        "GitLab",
        "docs.gitlab.com/security/tokens",
    ),
    S("GR1348941", WORD, 20, 20, "GitLab", "docs.gitlab.com/security/tokens"),
    S("ATATT3", BASE64, 60, 300, "Atlassian", "support.atlassian.com"),
    S("ATCTT3", BASE64, 60, 300, "Bitbucket", "support.atlassian.com"),
    S("ATSTT3", BASE64, 60, 300, "Atlassian", "support.atlassian.com"),
    S("ATBB", ALNUM, 24, 36, "Bitbucket", "support.atlassian.com", MIXED),
    S("ATTA", HEX, 60, 76, "Trello", "developer.atlassian.com"),
    S("sgp_", HEX + "_", 40, 64, "Sourcegraph", "sourcegraph.com/docs"),
    S("sqp_ squ_ sqa_", HEX, 40, 40, "SonarQube", "docs.sonarsource.com"),
    S("bkua_", HEX, 40, 40, "Buildkite", "buildkite.com/docs"),
    S("bkct_", WORD, 30, 300, "Buildkite", "buildkite.com/docs"),
    S("bkpt_", HEX, 40, 40, "Buildkite", "buildkite.com/docs"),
    S("bkat_", WORD, 30, 300, "Buildkite", "buildkite.com/docs"),
    S("CCIPAT_ CCIPRJ_", ALNUM + "_", 40, 90, "CircleCI", "circleci.com/docs"),
    S("pul-", HEX, 40, 40, "Pulumi", "pulumi.com/docs"),
    S("pnu_ pnb_", ALNUM, 36, 36, "Prefect", "docs.prefect.io"),
    S("pat. sat.", DOTTED, 60, 80, "Harness", "developer.harness.io", MIXED),
    S("API-", UPPER, 25, 36, "Octopus Deploy", "octopus.com/docs", DIGIT),
    S("lin_api_", ALNUM, 32, 64, "Linear", "linear.app/developers"),
    S("lin_oauth_", ALNUM, 32, 80, "Linear", "linear.app/developers"),
    S("PMAK-", HEX + "-", 59, 59, "Postman", "learning.postman.com"),
    S("PMAT-", UPPER, 24, 32, "Postman", "learning.postman.com"),
    S("rdme_", LOWER, 60, 80, "ReadMe", "docs.readme.com"),
    S("tr_dev_ tr_prod_", ALNUM, 20, 40, "Trigger.dev", "trigger.dev/docs"),
    S("signkey-", WORD, 32, 90, "Inngest", "inngest.com/docs", DIGIT),
    # package registries
    S("npm_", ALNUM, 36, 36, "npm", "docs.npmjs.com"),
    S("pypi-", WORD, 50, 300, "PyPI", "docs.pypi.org", DIGIT),
    S("rubygems_", HEX, 48, 48, "RubyGems", "guides.rubygems.org"),
    S("cio", ALNUM, 32, 32, "crates.io", "doc.rust-lang.org/cargo", MIXED),
    S("oy2", LOWER, 43, 43, "NuGet", "learn.microsoft.com/nuget", DIGIT),
    S("dckr_pat_ dckr_oat_", WORD, 24, 40, "Docker Hub", "docs.docker.com"),
    S("AKCp", ALNUM, 60, 80, "JFrog", "jfrog.com/help"),
    S("cmVmd", BASE64, 50, 66, "JFrog", "jfrog.com/help", MIXED),
    S("CLOJARS_", HEX, 60, 60, "Clojars", "github.com/clojars"),
    S("packagist_", ALNUM + "_", 40, 90, "Packagist", "packagist.com/docs"),
    # secret stores
    S("hvs.", WORD, 24, 300, "HashiCorp Vault", "developer.hashicorp.com/vault"),
    S("hvb. hvr.", WORD, 24, 400, "HashiCorp Vault", "developer.hashicorp.com/vault"),
    S("s.", ALNUM, 24, 24, "HashiCorp Vault", "developer.hashicorp.com/vault", MIXED),
    S("A3-", UPPER + "-", 30, 38, "1Password", "developer.1password.com", DIGIT),
    S("ops_eyJ", BASE64, 60, 1500, "1Password", "developer.1password.com"),
    S("dp.pt. dp.st. dp.ct. dp.sa. dp.said. dp.scim. dp.audit.", DOTTED, 40, 64, "Doppler", "docs.doppler.com", DIGIT),
    S("st.", HEX + ".-", 50, 140, "Infisical", "infisical.com/docs"),
    S(
        "LS0tLS1CRUdJTiBQUklWQVRF LS0tLS1CRUdJTiBSU0EgUFJJVkFURS LS0tLS1CRUdJTiBFQyBQUklWQVRF"
        " LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUg",
        BASE64,
        40,
        12_000,
        "private keys in base64, as in a kubeconfig",
        "rfc-editor.org/rfc/rfc7468",
    ),
    S("AGE-SECRET-KEY-1", UPPER, 58, 58, "age", "age-encryption.org"),
    S("xprv", ALNUM, 107, 108, "BIP 32", "github.com/bitcoin/bips"),
    # chat
    S("xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs-", ALNUM + "%-", 16, 400, "Slack", "docs.slack.dev", DIGIT),
    S("xoxe.xox", ALNUM + "-", 24, 400, "Slack", "docs.slack.dev", DIGIT),
    S("xapp- xwfp-", ALNUM + "-", 24, 200, "Slack", "docs.slack.dev", DIGIT),
    S("EAA", ALNUM, 80, 400, "Meta", "developers.facebook.com", MIXED),
    # payment and commerce
    S(
        "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_",
        WORD,
        16,
        255,
        "Stripe, Clerk, Paystack",
        "docs.stripe.com",
        DIGIT,
    ),
    S("whsec_", BASE64, 24, 90, "Stripe, Svix", "docs.stripe.com"),
    S("EAAA", WORD, 56, 64, "Square", "developer.squareup.com", MIXED),
    S("sq0atp-", WORD, 22, 22, "Square", "developer.squareup.com"),
    S("sq0csp-", WORD, 43, 43, "Square", "developer.squareup.com"),
    S("A21AA", WORD, 80, 110, "PayPal", "developer.paypal.com", MIXED),
    S("rzp_live_ rzp_test_", ALNUM, 14, 24, "Razorpay", "razorpay.com/docs"),
    S("live_", WORD, 30, 44, "Mollie, GoCardless", "docs.mollie.com", MIXED),
    S("test_", WORD, 30, 36, "Mollie", "docs.mollie.com", MIXED),
    S("live_ test_", HEX, 35, 35, "Lob", "docs.lob.com"),
    S("AQE", BASE64, 60, 220, "Adyen", "docs.adyen.com", MIXED),
    S("FLWSECK-", ALNUM + "-", 30, 44, "Flutterwave", "developer.flutterwave.com"),
    S("FLWSECK_TEST-", ALNUM + "-", 16, 44, "Flutterwave", "developer.flutterwave.com", DIGIT),
    S("duffel_live_ duffel_test_", WORD, 40, 48, "Duffel", "duffel.com/docs"),
    S("access-sandbox- access-development- access-production-", HEX + "-", 36, 36, "Plaid", "plaid.com/docs"),
    S("xnd_development_ xnd_production_", WORD, 40, 100, "Xendit", "docs.xendit.co"),
    S("shpat_ shpca_ shppa_ shpss_ shpua_ shptka_ shprt_", HEX, 32, 40, "Shopify", "shopify.dev"),
    S("shippo_live_ shippo_test_", HEX, 40, 40, "Shippo", "docs.goshippo.com"),
    S("EZAK EZTK", ALNUM, 54, 54, "EasyPost", "docs.easypost.com"),
    # mail and telephony
    S("SG.", DOTTED, 40, 80, "SendGrid", "twilio.com/docs/sendgrid", MIXED),
    S("xkeysib- xsmtpsib-", ALNUM + "-", 60, 90, "Brevo", "developers.brevo.com"),
    S("key-", HEX, 32, 32, "Mailgun", "documentation.mailgun.com"),
    S("key-", LOWER, 32, 32, "Mailgun", "documentation.mailgun.com", DIGIT),
    S("re_", ALNUM + "_", 24, 40, "Resend", "resend.com/docs", MIXED),
    S("mlsn.", HEX, 60, 70, "MailerSend", "developers.mailersend.com"),
    S("md-", WORD, 22, 22, "Mandrill", "mailchimp.com/developer", MIXED),
    S("pk_", HEX, 34, 34, "Klaviyo", "developers.klaviyo.com"),
    S("SK", HEX, 32, 32, "Twilio", "twilio.com/docs"),
    # observability
    S("glsa_", ALNUM + "_", 40, 44, "Grafana", "grafana.com/docs"),
    S("glc_", BASE64, 40, 400, "Grafana Cloud", "grafana.com/docs"),
    S("NRAK-", ALNUM, 27, 27, "New Relic", "docs.newrelic.com"),
    S("NRII-", WORD, 32, 32, "New Relic", "docs.newrelic.com"),
    S("NRRA-", HEX, 42, 42, "New Relic", "docs.newrelic.com"),
    S("NRIQ-", WORD, 32, 32, "New Relic", "docs.newrelic.com"),
    S("hcaik_ hcbik_ hcamk_ hcxik_", LOWER, 50, 64, "Honeycomb", "docs.honeycomb.io"),
    S("sntrys_", BASE64, 60, 400, "Sentry", "docs.sentry.io"),
    S("sntryu_ sntrya_", HEX, 64, 64, "Sentry", "docs.sentry.io"),
    S("dt0c01.", DOTTED, 80, 100, "Dynatrace", "docs.dynatrace.com"),
    S("dt0s01. dt0s16.", DOTTED, 70, 100, "Dynatrace", "docs.dynatrace.com"),
    S("phx_", ALNUM, 40, 56, "PostHog", "posthog.com/docs"),
    S("xaat- xapt-", HEX + "-", 36, 36, "Axiom", "axiom.co/docs"),
    S("cxtp_ cxup_", ALNUM, 26, 40, "Coralogix", "coralogix.com/docs"),
    S("essu_", BASE64, 40, 120, "Elastic", "elastic.co/docs"),
    S("rootly_", HEX, 64, 64, "Rootly", "docs.rootly.com"),
    S("sdk- api-", HEX + "-", 36, 36, "LaunchDarkly", "launchdarkly.com/docs"),
    # other services
    S("pat-na1- pat-na2- pat-eu1-", HEX + "-", 36, 36, "HubSpot", "developers.hubspot.com"),
    S("ntn_", ALNUM, 40, 50, "Notion", "developers.notion.com"),
    S("secret_", ALNUM, 43, 43, "Notion", "developers.notion.com"),
    S("figd_ figo_", WORD, 36, 48, "Figma", "developers.figma.com"),
    S("CFPAT-", WORD, 40, 48, "Contentful", "contentful.com/developers"),
    S("tfp_", WORD, 40, 64, "Typeform", "typeform.com/developers"),
    S("sk.eyJ", DOTTED, 60, 200, "Mapbox", "docs.mapbox.com"),
    S("p.eyJ", DOTTED, 60, 300, "Tinybird", "tinybird.co/docs"),
    S("sl.", DOTTED, 60, 1500, "Dropbox", "developers.dropbox.com", MIXED),
    S("dG9rO", BASE64, 50, 60, "Intercom", "developers.intercom.com", MIXED),
    S("fio-u-", WORD, 60, 68, "Frame.io", "developer.frame.io"),
    S("sk", ALNUM, 120, 220, "Sanity", "sanity.io/docs", MIXED),
    S("secret-", ALNUM, 32, 48, "Statsig", "docs.statsig.com", DIGIT),
    S("aio_", ALNUM, 28, 28, "Adafruit IO", "io.adafruit.com/api", DIGIT),
    S("AAAAAAAAAAAAAAAAAAAA", ALNUM + "%", 60, 140, "X", "developer.x.com", MIXED),
    S("KGAT_", HEX, 32, 32, "Kaggle", "kaggle.com/docs"),
    S("unkey_", WORD, 20, 48, "Unkey", "unkey.com/docs", DIGIT),
    S("00", WORD, 40, 40, "Okta", "developer.okta.com", MIXED),
)
