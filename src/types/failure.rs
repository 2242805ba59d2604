//! What every error of a feature can say of itself, without knowing which door it leaves by.

/// The sort of a failure; each door translates it (an HTTP status, an exit code).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The request is malformed.
    Invalid,
    /// Nobody proved who they are.
    Unauthenticated,
    /// Known, and not allowed.
    Forbidden,
    /// Not there, or not visible to who asks.
    NotFound,
    /// It does not fit what is there now.
    Conflict,
    /// The version named is not the current one.
    Stale,
    /// Larger than its limit.
    TooLarge,
    /// Well-formed, and cannot be done.
    Unprocessable,
    /// Too often.
    TooMany,
    /// Not now; later it may work.
    Unavailable,
    /// The disk is full.
    StorageFull,
    /// What is stored was changed behind our back, or by a broken disk: whoever asks must know, and may.
    Damaged,
    /// Our fault.
    Internal,
}

/// One of several things wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Where: a field, a name, a path. Never a value.
    pub field: String,
    /// The stable code.
    pub code: String,
    /// In words.
    pub detail: String,
}

/// An error a person or a program is told about. `Display` is the message.
pub trait Failure: std::error::Error + Send + Sync + 'static {
    /// Its sort.
    fn class(&self) -> Class;
    /// Its stable code, snake_case.
    fn code(&self) -> &'static str;
    /// What to do about it; empty when there is nothing to say.
    fn hint(&self) -> String {
        String::new()
    }
    /// In how many seconds it may work, when that is known.
    fn retry_after(&self) -> Option<u64> {
        None
    }
    /// The single things wrong, when there are several.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }
}

impl Failure for super::ParseError {
    fn class(&self) -> Class {
        Class::Invalid
    }
    fn code(&self) -> &'static str {
        "invalid_value"
    }
}

/// An error and its causes in one line, for the log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        // Transparent wrappers repeat their cause.
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}
