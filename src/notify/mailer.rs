//! Sending over SMTP.

use std::sync::Arc;
use std::time::Duration;

use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use tokio::sync::{Mutex, Semaphore, mpsc};

use super::{Mail, MailError};
use crate::config::{MailConfig, MailSecurity, read_input_file, read_secret_file};

/// Mails waiting to be sent at most.
const QUEUE_MAX: usize = 256;
/// Mails on their way at once, with those that wait for another try: what comes then waits in the queue.
const AT_ONCE: usize = 16;
/// Tries of one mail.
const TRIES: u32 = 4;
/// How long before the second try; each next one waits four times as long.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// How long each answer of the SMTP server may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Largest file of certificates, in bytes.
const CA_MAX: usize = 1 << 20;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Sends mails, when an SMTP server is configured.
pub struct Mailer {
    smtp: Option<Smtp>,
}

struct Smtp {
    transport: Transport,
    from: Mailbox,
    queue: mpsc::Sender<Mail>,
    waiting: Mutex<mpsc::Receiver<Mail>>,
}

impl Mailer {
    /// Reads the files the configuration names. Nothing is connected to.
    ///
    /// # Errors
    /// The password or the certificates cannot be read.
    pub fn new(config: Option<&MailConfig>) -> Result<Self, MailError> {
        let Some(config) = config else { return Ok(Self { smtp: None }) };
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let from = Mailbox::new(Some("Holdfast".into()), address(config.from.as_str())?);
        Ok(Self { smtp: Some(Smtp { transport: transport(config)?, from, queue, waiting: Mutex::new(waiting) }) })
    }

    /// Whether mails can be sent.
    pub const fn is_configured(&self) -> bool {
        self.smtp.is_some()
    }

    /// Sends a mail now, once: for whoever waits to hear how it went.
    ///
    /// # Errors
    /// There is no SMTP server; it could not be reached; it refused.
    pub async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.smtp()?.send(mail).await
    }

    /// Puts a mail into the queue; it is tried a few times within minutes.
    ///
    /// # Errors
    /// There is no SMTP server, or too many wait.
    pub fn post(&self, mail: Mail) -> Result<(), MailError> {
        self.smtp()?.queue.try_send(mail).map_err(|_| MailError::Full)
    }

    /// Sends what is posted, for as long as it is polled. Run it once.
    pub async fn run(self: Arc<Self>) {
        let Some(smtp) = &self.smtp else { return };
        let mut waiting = smtp.waiting.lock().await;
        let places = Arc::new(Semaphore::new(AT_ONCE));
        // A place first, then a mail: what has none stays in the queue, which is what says that it is full.
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let Some(mail) = waiting.recv().await else { return };
            let mailer = Arc::clone(&self);
            // One that has to wait does not keep the others: each has a task of its own.
            tokio::spawn(async move {
                mailer.deliver(&mail).await;
                drop(place);
            });
        }
    }

    async fn deliver(&self, mail: &Mail) {
        let mut wait = FIRST_WAIT;
        for left in (0..TRIES).rev() {
            match self.send(mail).await {
                Ok(()) => return,
                Err(error @ MailError::Undelivered(_)) if left > 0 => {
                    tracing::warn!(%error, left, "a mail was not sent; it is tried again");
                    tokio::time::sleep(wait).await;
                    wait *= 4;
                }
                Err(error) => {
                    tracing::error!(%error, subject = mail.subject, "a mail was given up");
                    return;
                }
            }
        }
    }

    fn smtp(&self) -> Result<&Smtp, MailError> {
        self.smtp.as_ref().ok_or(MailError::NotConfigured)
    }
}

impl Smtp {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let to = Mailbox::new(None, address(mail.to.as_str())?);
        let body = MultiPart::alternative_plain_html(mail.text.expose().clone(), mail.html.expose().clone());
        let message = Message::builder().from(self.from.clone()).to(to).subject(mail.subject).multipart(body);
        let message = message.map_err(|error| MailError::Configuration(error.to_string()))?;
        self.transport.send(message).await.map(drop).map_err(|error| told(&error))
    }
}

fn transport(config: &MailConfig) -> Result<Transport, MailError> {
    let mut builder = Transport::builder_dangerous(&config.host).port(config.port).timeout(Some(TIMEOUT));
    builder = match config.security {
        MailSecurity::None => builder,
        MailSecurity::StartTls => builder.tls(Tls::Required(tls(config)?)),
        MailSecurity::Tls => builder.tls(Tls::Wrapper(tls(config)?)),
    };
    if let Some((name, file)) = &config.login {
        let password = read_secret_file(file).map_err(unusable)?;
        let password = std::str::from_utf8(password.expose()).map_err(unusable)?.trim_end_matches(['\r', '\n']);
        builder = builder.credentials(Credentials::new(name.clone(), password.to_owned()));
    }
    Ok(builder.build())
}

fn tls(config: &MailConfig) -> Result<TlsParameters, MailError> {
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(file) = &config.ca_file {
        let pem = read_input_file(file, CA_MAX).map_err(unusable)?;
        builder = builder.add_root_certificate(Certificate::from_pem(pem.expose()).map_err(unusable)?);
    }
    builder.build().map_err(unusable)
}

fn unusable(error: impl std::fmt::Display) -> MailError {
    MailError::Configuration(error.to_string())
}

fn address(text: &str) -> Result<Address, MailError> {
    text.parse().map_err(|_| MailError::Address)
}

/// What the SMTP server said; its words may be shown to operators, they are about addresses and servers only.
fn told(error: &SmtpError) -> MailError {
    let mut words = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        words = format!("{words}: {source}");
    }
    let words: String = words.chars().filter(|c| !c.is_control()).take(300).collect();
    if error.is_permanent() { MailError::Refused(words) } else { MailError::Undelivered(words) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::Letter;
    use crate::types::Email;

    fn mail() -> Mail {
        let letter =
            Letter { subject: "Hello", paragraphs: vec!["Hello.".into()], action: None, note: "Nothing to do." };
        letter.to(Email::parse("ada@example.com").unwrap(), "http://localhost").unwrap()
    }

    #[tokio::test]
    async fn a_server_that_never_answers_fills_the_queue_and_nothing_more() {
        // It takes connections and says nothing.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let config = MailConfig {
            host: "127.0.0.1".into(),
            port: silent.local_addr().unwrap().port(),
            security: MailSecurity::None,
            from: Email::parse("holdfast@example.com").unwrap(),
            login: None,
            ca_file: None,
        };
        let mailer = Arc::new(Mailer::new(Some(&config)).unwrap());
        let running = tokio::spawn(Arc::clone(&mailer).run());
        let mut taken = 0;
        while mailer.post(mail()).is_ok() {
            taken += 1;
            assert!(taken < 4 * (QUEUE_MAX + AT_ONCE), "mails wait without a limit");
            tokio::task::yield_now().await;
        }
        assert!((QUEUE_MAX..=QUEUE_MAX + AT_ONCE).contains(&taken), "{taken}");
        running.abort();
    }
}
