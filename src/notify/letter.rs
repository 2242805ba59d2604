//! What a mail says: one form for all, as text and as HTML.

use askama::Template;

use super::MailError;
use crate::types::{Email, SecretString};

/// Longest paragraph, in characters; what people wrote is cut by whoever quotes it.
const PARAGRAPH_MAX: usize = 600;

/// What one mail says. It may carry a link that opens something once: it can be neither printed nor copied.
pub struct Letter {
    /// What it is about; ours, never a person's words.
    pub subject: &'static str,
    /// What happened or is asked, a sentence or two each.
    pub paragraphs: Vec<String>,
    /// What the button says, and the address it opens.
    pub action: Option<(&'static str, SecretString)>,
    /// What to do when the reader expected nothing of the kind.
    pub note: &'static str,
}

/// A letter to one person, ready to be sent.
pub struct Mail {
    pub(super) to: Email,
    pub(super) subject: &'static str,
    pub(super) text: SecretString,
    pub(super) html: SecretString,
}

#[derive(Template)]
#[template(path = "mail/letter.txt", escape = "none")]
struct Text<'a> {
    paragraphs: &'a [String],
    action: Option<(&'a str, &'a str)>,
    note: &'a str,
    server: &'a str,
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct Html<'a> {
    subject: &'a str,
    paragraphs: &'a [String],
    action: Option<(&'a str, &'a str)>,
    note: &'a str,
    server: &'a str,
}

impl Letter {
    /// The mail to `to`, from the instance at the URL `server`.
    ///
    /// # Errors
    /// A paragraph is too long, or holds control characters.
    pub fn to(self, to: Email, server: &str) -> Result<Mail, MailError> {
        let wrong = |p: &String| p.chars().count() > PARAGRAPH_MAX || p.chars().any(char::is_control);
        if self.paragraphs.iter().any(wrong) {
            return Err(MailError::Configuration("a paragraph cannot be sent".into()));
        }
        let Self { subject, paragraphs, action, note } = &self;
        let action = action.as_ref().map(|(label, link)| (*label, link.expose().as_str()));
        let failed = |error: askama::Error| MailError::Configuration(error.to_string());
        let text = Text { paragraphs, action, note, server }.render().map_err(failed)?;
        let html = Html { subject, paragraphs, action, note, server }.render().map_err(failed)?;
        Ok(Mail { to, subject, text: SecretString::new(text), html: SecretString::new(html) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(paragraph: &str) -> Letter {
        Letter {
            subject: "You are invited",
            paragraphs: vec![paragraph.to_owned()],
            action: Some(("Join", SecretString::new("https://h.example/join#token".to_owned()))),
            note: "If you do not know them, do nothing.",
        }
    }

    #[test]
    fn both_parts_say_the_same_and_what_people_wrote_is_text() {
        let to = Email::parse("ada@example.com").unwrap();
        let mail = letter("<img src=x> & co").to(to, "https://h.example").unwrap();
        let (text, html) = (mail.text.expose(), mail.html.expose());
        assert!(text.contains("<img src=x> & co") && text.contains("https://h.example/join#token"));
        assert!(html.contains("&#60;img src=x&#62; &#38; co") && !html.contains("<img"));
        assert!(html.contains("href=\"https://h.example/join#token\""));
        for part in [text, html] {
            assert!(part.contains("If you do not know them, do nothing."));
        }
    }

    #[test]
    fn a_line_break_or_a_novel_is_refused() {
        let to = || Email::parse("ada@example.com").unwrap();
        assert!(letter("a\r\nBcc: eve@example.com").to(to(), "https://h.example").is_err());
        assert!(letter(&"a".repeat(PARAGRAPH_MAX + 1)).to(to(), "https://h.example").is_err());
    }
}
