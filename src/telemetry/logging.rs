//! Log lines: text for people, JSON for machines, both without tokens.

use std::io::{self, Write};

use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

use super::redact::redact_log;
use crate::config::{LogConfig, LogFormat, LogLevel};

/// What stdout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Whether it is a terminal.
    pub is_tty: bool,
    /// Whether colors are wanted (a terminal, and no `NO_COLOR`).
    pub color: bool,
}

/// Everything events go through; with `reports`, errors also go to the report client of their thread.
pub(super) fn subscriber<W>(
    log: &LogConfig,
    output: Output,
    writer: W,
    reports: bool,
) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let json = match log.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !output.is_tty,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(Redacting(writer));
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if json {
        Box::new(lines.json().flatten_event(true).with_span_list(false))
    } else {
        Box::new(lines.with_ansi(output.color).with_target(false))
    };
    let errors = reports.then(|| sentry::integrations::tracing::ErrorLayer::new().with_filter(LevelFilter::ERROR));
    tracing_subscriber::registry().with(lines.with_filter(filter(log.level))).with(errors)
}

/// Holdfast's own events from `level` on; of libraries, warnings at most.
fn filter(level: LogLevel) -> Targets {
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new().with_default(own.min(LevelFilter::WARN)).with_target("holdfast", own)
}

/// A writer whose lines pass [`redact_log`]. The formatter writes one whole line at a time, so no token is cut in
/// two.
struct Redacting<W>(W);

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Redacting<W> {
    type Writer = RedactingWriter<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        RedactingWriter(self.0.make_writer())
    }
}

struct RedactingWriter<W>(W);

impl<W: Write> Write for RedactingWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.0.write_all(redact_log(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: LogLevel, is_tty: bool, emit: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let output = Output { is_tty, color: false };
        let subscriber = subscriber(&LogConfig { format, level }, output, move || writer.clone(), false);
        tracing::subscriber::with_default(subscriber, emit);
        let bytes = buffer.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn auto_is_text_on_a_terminal_and_json_otherwise() {
        let emit = || tracing::info!(target: "holdfast::x", project = "shop", "started");
        let text = logged(LogFormat::Auto, LogLevel::Info, true, emit);
        assert!(text.ends_with("INFO started project=\"shop\"\n"), "{text}");
        let json = logged(LogFormat::Auto, LogLevel::Info, false, emit);
        let json: serde_json::Value = serde_json::from_str(&json).expect("one JSON object");
        assert_eq!((json["message"].as_str(), json["project"].as_str()), (Some("started"), Some("shop")));
        assert_eq!((json["level"].as_str(), json["target"].as_str()), (Some("INFO"), Some("holdfast::x")));
        assert!(logged(LogFormat::Json, LogLevel::Info, true, emit).starts_with('{'));
        assert!(!logged(LogFormat::Text, LogLevel::Info, false, emit).starts_with('{'));
    }

    #[test]
    fn libraries_log_warnings_at_most() {
        let emit = || {
            tracing::info!(target: "actix_http", "headers");
            tracing::warn!(target: "actix_http", "odd");
            tracing::trace!(target: "holdfast::db", "step");
        };
        let trace = logged(LogFormat::Text, LogLevel::Trace, false, emit);
        assert!(!trace.contains("headers") && trace.contains("odd") && trace.contains("step"), "{trace}");
        assert_eq!(logged(LogFormat::Text, LogLevel::Error, false, emit), "");
    }

    #[test]
    fn a_token_in_a_message_a_field_or_a_span_is_taken_out() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = logged(format, LogLevel::Info, false, || {
                let _span = tracing::info_span!(target: "holdfast", "request", by = "hf_sa_sesame").entered();
                tracing::info!(target: "holdfast", token = "hf_pat_sesame", "hf_cli_sesame, hf_set_open");
            });
            assert!(!text.contains("sesame") && text.contains("hf_set_open"), "{text}");
            assert_eq!(text.matches('…').count(), 3, "{text}");
        }
    }
}
