//! Rules for tokens that say by their form whose they are, written from their issuers' documentation.
//!
//! `keywords` are what the automaton looks for; a pattern is tried only around one of them.

/// A rule with a pattern.
pub(super) struct Rule {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// Texts one of which is in every match, in any case.
    pub(super) keywords: &'static [&'static str],
    /// What a match looks like; the group `s` is the secret, else all of it.
    pub(super) pattern: &'static str,
    /// Bytes before the keyword in which a match may begin.
    pub(super) lookback: usize,
    /// Least entropy of the secret, in bits each: what a placeholder of the right form does not have.
    pub(super) entropy: f64,
}

/// What reports say of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleInfo {
    /// Its name: `aws-access-key`.
    pub id: &'static str,
    /// What it finds, in words.
    pub title: &'static str,
}

/// Rules that are code, not a pattern.
pub(super) const HOLDFAST: RuleInfo = RuleInfo { id: "holdfast-token", title: "Holdfast token" };
pub(super) const PRIVATE_KEY: RuleInfo = RuleInfo { id: "private-key", title: "private key" };
pub(super) const URL_PASSWORD: RuleInfo = RuleInfo { id: "url-password", title: "password in a URL" };
pub(super) const JWT: RuleInfo = RuleInfo { id: "jwt", title: "JSON Web Token" };
pub(super) const AUTH_HEADER: RuleInfo = RuleInfo { id: "auth-header", title: "credentials of an HTTP header" };
pub(super) const ASSIGNED: RuleInfo =
    RuleInfo { id: "assigned-secret", title: "value of a name that says it is secret" };
pub(super) const ENTROPY: RuleInfo = RuleInfo { id: "high-entropy", title: "text that looks drawn at random" };
/// One of the organization's own values.
pub const OWN: RuleInfo = RuleInfo { id: "own-value", title: "value of one of your own secrets" };

const CODE: &[RuleInfo] = &[HOLDFAST, PRIVATE_KEY, URL_PASSWORD, JWT, AUTH_HEADER, ASSIGNED, ENTROPY, OWN];

/// Every rule, for reports and the manual.
pub fn catalogue() -> Vec<RuleInfo> {
    let patterns = RULES.iter().map(|r| RuleInfo { id: r.id, title: r.title });
    let mut all: Vec<_> = patterns.chain(CODE.iter().copied()).collect();
    // Tokens of one issuer may have several patterns.
    all.dedup();
    all
}

const fn rule(id: &'static str, title: &'static str, keywords: &'static [&'static str], pattern: &'static str) -> Rule {
    Rule { id, title, keywords, pattern, lookback: 0, entropy: 2.5 }
}

const fn after(lookback: usize, rule: Rule) -> Rule {
    Rule { lookback, ..rule }
}

/// All patterns. `\w` is ASCII here.
pub(super) const RULES: &[Rule] = &[
    // ---- clouds
    rule(
        "aws-access-key",
        "AWS access key id",
        &["AKIA", "ASIA", "ABIA", "ACCA"],
        r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}",
    ),
    rule("gcp-api-key", "Google API key", &["AIza"], r"AIza[\w-]{35}"),
    rule("gcp-oauth-secret", "Google OAuth client secret", &["GOCSPX-"], r"GOCSPX-[\w-]{28}"),
    rule("gcp-access-token", "Google OAuth access token", &["ya29."], r"ya29\.[\w-]{60,300}"),
    rule("azure-storage-key", "Azure storage account key", &["AccountKey="], r"AccountKey=(?P<s>[A-Za-z0-9+/]{86}==)"),
    rule("azure-sas", "Azure shared access signature", &["&sig="], r"&sig=(?P<s>[A-Za-z0-9%]{43,63}(?:%3D|=))"),
    after(
        5,
        rule("azure-client-secret", "Azure client secret", &["8Q~"], r"[A-Za-z0-9_~.]{3}8Q~[A-Za-z0-9_~.-]{31,34}"),
    ),
    rule("digitalocean-token", "DigitalOcean token", &["dop_v1_", "doo_v1_", "dor_v1_"], r"do[opr]_v1_[a-f0-9]{64}"),
    rule("alibaba-access-key", "Alibaba Cloud access key id", &["LTAI"], r"LTAI[A-Za-z0-9]{17,21}"),
    rule("heroku-key", "Heroku API key", &["HRKU-"], r"HRKU-[\w-]{36,65}"),
    rule(
        "fly-token",
        "Fly.io token",
        &["fo1_", "fm1", "fm2_"],
        r"(?:fo1_[\w-]{43}|fm(?:1[ar]|2)_[A-Za-z0-9+/=]{100,800})",
    ),
    rule("cloudflare-ca-key", "Cloudflare origin CA key", &["v1.0-"], r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}"),
    rule("scalingo-token", "Scalingo token", &["tk-us-"], r"tk-us-[\w-]{48}"),
    rule("databricks-token", "Databricks token", &["dapi"], r"dapi[a-f0-9]{32}(?:-\d)?"),
    rule("planetscale-token", "PlanetScale token", &["pscale_"], r"pscale_(?:tkn|oauth|pw)_[\w=.-]{32,64}"),
    rule("supabase-token", "Supabase token", &["sbp_", "sb_secret_"], r"(?:sbp_[a-f0-9]{40}|sb_secret_[\w-]{20,60})"),
    // ---- forges and registries
    rule("github-token", "GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], r"gh[pousr]_[A-Za-z0-9]{36,251}"),
    rule("github-pat", "GitHub fine-grained token", &["github_pat_"], r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    rule(
        "gitlab-token",
        "GitLab token",
        &["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-", "glft-", "glagent-", "gloas-"],
        r"gl(?:pat|dt|rt|ptt|cbt|soat|ft|agent|oas)-[\w.-]{20,100}",
    ),
    rule("bitbucket-token", "Bitbucket token", &["ATBB", "ATCTT3"], r"(?:ATBB[A-Za-z0-9]{28,32}|ATCTT3[\w=-]{50,250})"),
    rule("atlassian-token", "Atlassian API token", &["ATATT3"], r"ATATT3[\w=-]{150,250}"),
    rule("npm-token", "npm token", &["npm_"], r"npm_[A-Za-z0-9]{36}"),
    rule(
        "npmrc-token",
        "token of an npm registry",
        &[":_authToken"],
        r":_authToken\s{0,4}=\s{0,4}(?P<s>[\w.+/=-]{16,400})",
    ),
    rule("pypi-token", "PyPI token", &["pypi-AgE"], r"pypi-AgE[\w-]{50,400}"),
    rule("rubygems-token", "RubyGems key", &["rubygems_"], r"rubygems_[a-f0-9]{48}"),
    rule("crates-token", "crates.io token", &["cio"], r"cio[A-Za-z0-9]{32}"),
    rule("nuget-key", "NuGet key", &["oy2"], r"oy2[a-z0-9]{43}"),
    rule("docker-token", "Docker Hub token", &["dckr_"], r"dckr_(?:pat|oat)_[\w-]{27,40}"),
    rule("artifactory-token", "Artifactory key", &["AKCp"], r"AKCp[A-Za-z0-9]{69}"),
    rule("postman-key", "Postman key", &["PMAK-"], r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    // ---- chat and mail
    rule(
        "slack-token",
        "Slack token",
        &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe", "xoxc-", "xoxd-"],
        r"xox(?:[abprscd]-|e[.-](?:xox[bp]-)?)[A-Za-z0-9%-]{10,250}",
    ),
    rule("slack-app-token", "Slack app token", &["xapp-"], r"xapp-\d-[A-Z0-9]{8,20}-\d{8,20}-[a-z0-9]{32,80}"),
    rule(
        "slack-webhook",
        "Slack webhook",
        &["hooks.slack.com/"],
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<s>[A-Za-z0-9]{8,20}/[A-Za-z0-9]{8,20}/[A-Za-z0-9]{20,50})",
    ),
    rule("discord-webhook", "Discord webhook", &["/api/webhooks/"], r"/api/webhooks/\d{17,20}/(?P<s>[\w-]{60,72})"),
    after(12, rule("telegram-token", "Telegram bot token", &[":AA"], r"\d{8,11}:AA[\w-]{33}")),
    rule(
        "teams-webhook",
        "Microsoft Teams webhook",
        &[".webhook.office.com/"],
        r"\.webhook\.office\.com/webhookb2/(?P<s>[a-f0-9@-]{36,80}/IncomingWebhook/[a-f0-9]{32})",
    ),
    rule("sendgrid-key", "SendGrid key", &["SG."], r"SG\.[\w-]{16,32}\.[\w-]{32,64}"),
    rule("mailgun-key", "Mailgun key", &["key-"], r"key-[a-f0-9]{32}"),
    after(32, rule("mailchimp-key", "Mailchimp key", &["-us"], r"[a-f0-9]{32}-us\d{1,2}")),
    rule("brevo-key", "Brevo key", &["xkeysib-"], r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    rule("twilio-key", "Twilio key", &["SK"], r"SK[a-f0-9]{32}"),
    // ---- money
    rule(
        "stripe-key",
        "Stripe key",
        &["sk_live_", "sk_test_", "rk_live_", "rk_test_"],
        r"[sr]k_(?:live|test)_[A-Za-z0-9]{20,250}",
    ),
    rule("stripe-webhook-secret", "Stripe webhook secret", &["whsec_"], r"whsec_[A-Za-z0-9+/]{32,64}"),
    rule(
        "square-token",
        "Square token",
        &["sq0atp-", "sq0csp-", "EAAA"],
        r"(?:sq0(?:atp|csp)-[\w-]{22,60}|EAAA[\w-]{60})",
    ),
    rule(
        "shopify-token",
        "Shopify token",
        &["shpat_", "shpca_", "shppa_", "shpss_"],
        r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}",
    ),
    rule(
        "paypal-token",
        "Braintree token",
        &["access_token$production$"],
        r"access_token\$production\$[a-z0-9]{16}\$[a-f0-9]{32}",
    ),
    rule(
        "plaid-token",
        "Plaid token",
        &["access-sandbox-", "access-development-", "access-production-"],
        r"access-(?:sandbox|development|production)-[a-f0-9-]{36}",
    ),
    rule("flutterwave-key", "Flutterwave key", &["FLWSECK"], r"FLWSECK(?:_TEST)?-[a-zA-Z0-9]{12,40}(?:-X)?"),
    // ---- models
    rule(
        "openai-key",
        "OpenAI key",
        &["sk-proj-", "sk-svcacct-", "sk-admin-"],
        r"sk-(?:proj|svcacct|admin)-[\w-]{20,200}",
    ),
    after(40, rule("openai-key", "OpenAI key", &["T3BlbkFJ"], r"sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}")),
    rule("anthropic-key", "Anthropic key", &["sk-ant-"], r"sk-ant-(?:api|admin)\d\d-[\w-]{80,120}"),
    rule("huggingface-token", "Hugging Face token", &["hf_", "api_org_"], r"(?:hf|api_org)_[A-Za-z]{34}"),
    rule("replicate-token", "Replicate token", &["r8_"], r"r8_[A-Za-z0-9]{37}"),
    rule("groq-key", "Groq key", &["gsk_"], r"gsk_[A-Za-z0-9]{52}"),
    rule("perplexity-key", "Perplexity key", &["pplx-"], r"pplx-[A-Za-z0-9]{48}"),
    // ---- operations
    rule("vault-token", "Vault or OpenBao token", &["hvs.", "hvb.", "hvr."], r"hv[sbr]\.[\w-]{24,300}"),
    after(
        14,
        rule("terraform-token", "HCP Terraform token", &[".atlasv1."], r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,70}"),
    ),
    rule(
        "doppler-token",
        "Doppler token",
        &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."],
        r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}",
    ),
    rule("pulumi-token", "Pulumi token", &["pul-"], r"pul-[a-f0-9]{40}"),
    rule(
        "grafana-token",
        "Grafana token",
        &["glc_", "glsa_"],
        r"(?:glc_[A-Za-z0-9+/]{32,400}={0,2}|glsa_[A-Za-z0-9]{32}_[a-f0-9]{8})",
    ),
    rule("newrelic-key", "New Relic key", &["NRAK-", "NRJS-", "NRAL-"], r"NR(?:AK|JS|AL)-[A-Za-z0-9]{19,40}"),
    rule(
        "sentry-token",
        "Sentry token",
        &["sntrys_", "sntryu_"],
        r"(?:sntryu_[a-f0-9]{64}|sntrys_eyJ[\w+/=.-]{60,400})",
    ),
    rule("dynatrace-token", "Dynatrace token", &["dt0c01."], r"dt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    rule("linear-key", "Linear key", &["lin_api_"], r"lin_api_[A-Za-z0-9]{40}"),
    rule("notion-token", "Notion token", &["ntn_"], r"ntn_[A-Za-z0-9]{40,60}"),
    rule("airtable-token", "Airtable token", &["pat"], r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    rule("figma-token", "Figma token", &["figd_"], r"figd_[\w-]{38,44}"),
    rule("dropbox-token", "Dropbox token", &["sl."], r"sl\.(?:u\.)?[\w-]{130,2000}"),
    rule(
        "launchdarkly-key",
        "LaunchDarkly key",
        &["sdk-", "api-"],
        r"(?:sdk|api)-[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}",
    ),
    rule("facebook-token", "Facebook token", &["EAAC", "EAAB", "EAAG"], r"EAA[CBG][A-Za-z0-9]{60,400}"),
    rule("mapbox-token", "Mapbox secret token", &["sk.eyJ"], r"sk\.eyJ[\w-]{40,200}\.[\w-]{20,40}"),
    rule("onepassword-token", "1Password service account token", &["ops_eyJ"], r"ops_eyJ[\w+/=-]{200,2000}"),
    rule(
        "tailscale-key",
        "Tailscale key",
        &["tskey-"],
        r"tskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9]{8,32}-[A-Za-z0-9]{20,64}",
    ),
    rule("age-key", "age identity", &["AGE-SECRET-KEY-1"], r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
];
