//! Mail to people: what is written, and how it is sent.
//!
//! Invariants, and what each one stops:
//! - A mail that carries a link is the only place the link is in: it is neither stored nor logged here. A crash loses
//!   what still waits; whoever waits for it asks again.
//! - Nothing a person wrote is in a header, and in a body only as text: an invitation cannot be made into somebody
//!   else's letter.
//! - Whether a mail goes out does not change the time a request takes: [`Mailer::post`] only puts it into a queue.
//! - Queue, tries, waiting and connections have limits: a mail server that hangs holds nothing up.
//!
//! It deliberately decides nothing: who may be written to, and what a link opens, is the features' business.

mod error;
mod letter;
mod mailer;

pub use error::MailError;
pub use letter::{Letter, Mail};
pub use mailer::Mailer;
