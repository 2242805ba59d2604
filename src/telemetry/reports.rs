//! Error reports to a Sentry server, scrubbed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sentry::protocol::{Context, Event, Exception, Values};
use sentry::{Client, ClientOptions, Hub};

use super::VERSION;
use super::error::TelemetryError;
use super::redact::redact;
use crate::types::SecretString;

/// How long the end of the process waits for reports that are not sent yet.
const FLUSH: Duration = Duration::from_secs(2);

/// Contexts a report may have; the device's may hold a host name.
const CONTEXTS: [&str; 3] = ["os", "rust", "Rust Tracing Fields"];

/// The report client of this process.
#[derive(Debug)]
pub(super) struct Reports(Arc<Client>);

impl Reports {
    /// Makes the client and binds it to the main hub. Not `sentry::init`: that lets `SSL_VERIFY=false` turn off
    /// certificate checks, and `SENTRY_…` variables change what was configured.
    pub(super) fn start(dsn: &SecretString) -> Result<Self, TelemetryError> {
        let dsn = dsn.expose().parse::<sentry::types::Dsn>().map_err(|_| TelemetryError::BadDsn)?;
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(TelemetryError::NoTlsProvider);
        }
        let client = Arc::new(Client::with_options(options(dsn)));
        Hub::main().bind_client(Some(Arc::clone(&client)));
        Ok(Self(client))
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        self.0.close(Some(FLUSH));
    }
}

fn options(dsn: sentry::types::Dsn) -> ClientOptions {
    let mut options = ClientOptions::new()
        .release(format!("holdfast@{VERSION}"))
        .transport(sentry::transports::DefaultTransportFactory)
        .default_integrations(false)
        .add_integration(sentry::integrations::backtrace::AttachStacktraceIntegration)
        .add_integration(sentry::integrations::contexts::ContextIntegration::new().add_device(false))
        .add_integration(sentry::integrations::backtrace::ProcessStacktraceIntegration)
        .attach_stacktrace(true)
        .send_default_pii(false)
        .max_breadcrumbs(0)
        .before_send(|event| Some(scrub(event)));
    options.dsn = Some(dsn);
    options
}

/// The report that may leave: a new one with the allowed fields only, and no token or URL query in any text. Request
/// (URL, headers, cookies, body), user, host name, breadcrumbs and extra data are left behind.
pub fn scrub(event: Event<'static>) -> Event<'static> {
    let clean = |text: String| redact(&text).into_owned();
    let mut contexts = event.contexts;
    contexts.retain(|name, _| CONTEXTS.contains(&name.as_str()));
    for context in contexts.values_mut() {
        if let Context::Other(fields) = context {
            for value in fields.values_mut() {
                redact_json(value, 0);
            }
        }
    }
    let exceptions = event.exception.values.into_iter().map(|exception| Exception {
        ty: clean(exception.ty),
        value: exception.value.map(clean),
        module: exception.module,
        stacktrace: exception.stacktrace.map(without_variables),
        mechanism: exception.mechanism,
        ..Exception::default()
    });
    Event {
        event_id: event.event_id,
        level: event.level,
        platform: event.platform,
        timestamp: event.timestamp,
        release: event.release,
        environment: event.environment,
        logger: event.logger,
        sdk: event.sdk,
        message: event.message.map(clean),
        culprit: event.culprit.map(clean),
        exception: Values { values: exceptions.collect() },
        stacktrace: event.stacktrace.map(without_variables),
        tags: event.tags.into_iter().map(|(name, value)| (name, clean(value))).collect(),
        contexts,
        ..Event::default()
    }
}

fn without_variables(mut stacktrace: sentry::protocol::Stacktrace) -> sentry::protocol::Stacktrace {
    stacktrace.registers = BTreeMap::default();
    for frame in &mut stacktrace.frames {
        frame.vars = BTreeMap::default();
    }
    stacktrace
}

/// Redacts every text in a JSON value; what is nested deeper than any log field is dropped.
fn redact_json(value: &mut serde_json::Value, depth: usize) {
    const MAX_DEPTH: usize = 8;
    match value {
        _ if depth > MAX_DEPTH => *value = serde_json::Value::Null,
        serde_json::Value::String(text) => *text = redact(text).into_owned(),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| redact_json(item, depth + 1)),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(|item| redact_json(item, depth + 1)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use sentry::protocol::{Breadcrumb, Request, User, Value};

    use std::sync::Mutex;

    use super::super::logging::{Output, subscriber};
    use super::*;
    use crate::config::{LogConfig, LogFormat, LogLevel};
    use crate::types::Secret;

    /// An event with `sesame` in every place that has been known to leak.
    fn event() -> Event<'static> {
        let text = || "sesame".to_owned();
        let token = "hf_pat_sesame";
        let one = |value: &str| BTreeMap::from([("k".to_owned(), value.to_owned())]);
        let url = "https://a.example/x?k=sesame";
        Event {
            message: Some(format!("failed for {token} at {url}")),
            culprit: Some(token.to_owned()),
            transaction: Some(text()),
            server_name: Some("sesame".into()),
            user: Some(User { email: Some(text()), ..User::default() }),
            request: Some(Request {
                url: Some(url.parse().expect("a URL")),
                data: Some(text()),
                query_string: Some(text()),
                cookies: Some(text()),
                headers: one("sesame"),
                env: one("sesame"),
                ..Request::default()
            }),
            breadcrumbs: Values { values: vec![Breadcrumb { message: Some(text()), ..Breadcrumb::default() }] },
            exception: Values {
                values: vec![Exception { ty: "E".to_owned(), value: Some(token.to_owned()), ..Exception::default() }],
            },
            tags: one(token),
            extra: BTreeMap::from([("k".to_owned(), Value::from("sesame"))]),
            contexts: BTreeMap::from([
                ("device".to_owned(), Context::Other(BTreeMap::from([("name".to_owned(), Value::from("sesame"))]))),
                (
                    "Rust Tracing Fields".to_owned(),
                    Context::Other(BTreeMap::from([
                        ("list".to_owned(), serde_json::json!([{"deep": token}])),
                        ("project".to_owned(), Value::from("shop")),
                    ])),
                ),
            ]),
            ..Event::default()
        }
    }

    #[test]
    fn nothing_secret_survives_and_what_helps_does() {
        let before = serde_json::to_string(&event()).expect("JSON");
        assert!(before.matches("sesame").count() >= 14, "{before}");
        let after = serde_json::to_string(&scrub(event())).expect("JSON");
        assert!(!after.contains("sesame"), "{after}");
        for kept in ["failed for hf_pat_… at https://a.example/x?…", "shop", "\"type\":\"E\""] {
            assert!(after.contains(kept), "{kept} is not in {after}");
        }
    }

    #[test]
    fn what_is_nested_beyond_any_log_field_is_dropped() {
        let mut value = serde_json::json!("hf_pat_sesame");
        for _ in 0..50 {
            value = serde_json::json!([value]);
        }
        redact_json(&mut value, 0);
        assert!(!value.to_string().contains("sesame"));
    }

    #[test]
    fn every_report_passes_the_scrubber_and_none_names_the_host() {
        let options = options("https://key@errors.example/1".parse().expect("a DSN"));
        let before_send = options.before_send.as_ref().expect("set");
        let sent = before_send(event()).expect("not dropped");
        assert!(!serde_json::to_string(&sent).expect("JSON").contains("sesame"));
        assert_eq!(
            (options.max_breadcrumbs, options.send_default_pii, options.default_integrations),
            (0, false, false)
        );
    }

    #[derive(Default)]
    struct Sent(Mutex<Vec<String>>);

    impl sentry::Transport for Sent {
        fn send_envelope(&self, envelope: sentry::Envelope) {
            let mut bytes = Vec::new();
            envelope.to_writer(&mut bytes).expect("written to memory");
            self.0.lock().expect("not poisoned").push(String::from_utf8(bytes).expect("JSON"));
        }
    }

    #[test]
    fn a_logged_error_is_reported_with_its_fields_and_without_tokens() {
        let sent = Arc::new(Sent::default());
        let transport = Arc::clone(&sent);
        let options = options("https://key@errors.example/1".parse().expect("a DSN"))
            .transport(move |_: &ClientOptions| Arc::clone(&transport) as Arc<dyn sentry::Transport>);
        let hub = Arc::new(Hub::new(Some(Arc::new(Client::with_options(options))), Arc::default()));
        let log = LogConfig { format: LogFormat::Json, level: LogLevel::Info };
        let output = Output { is_tty: false, color: false };
        Hub::run(hub, || {
            tracing::subscriber::with_default(subscriber(&log, output, std::io::sink, true), || {
                tracing::info!(target: "holdfast", "before");
                tracing::error!(target: "holdfast", project = "shop", by = "hf_sa_sesame", "failed: hf_pat_sesame");
            });
        });
        let sent = sent.0.lock().expect("not poisoned");
        assert_eq!(sent.len(), 1, "errors only");
        assert!(sent[0].contains("failed: hf_pat_…") && sent[0].contains("shop"), "{}", sent[0]);
        assert!(!sent[0].contains("sesame") && !sent[0].contains("before"), "{}", sent[0]);
        assert!(!sent[0].contains("server_name"), "{}", sent[0]);
    }

    #[test]
    fn a_bad_dsn_is_refused_without_being_quoted() {
        let error = Reports::start(&Secret::new("sesame".to_owned())).expect_err("not a DSN");
        assert_eq!(error, TelemetryError::BadDsn);
        assert!(!format!("{error}").contains("sesame"));
    }
}
