//! The last answer of the server in a file, for when nothing answers. It opens only for the credential that fetched it and
//! only for the same question; `keys::offline` seals it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::variables::{Asked, Variables};
use crate::config::{ConfigError, read_whole_file, write_private_file};
use crate::keys::offline;
use crate::types::{SecretBytes, SecretString, Timestamp};

/// Largest file read, in bytes: the largest answer of a server, and its envelope.
const MAX_FILE: usize = 65 << 20;

/// How far ahead of this machine's clock the file may be: clocks of one fleet differ a little.
const CLOCK_SKEW: Duration = Duration::from_mins(5);

/// The file, and what it must have been sealed for.
pub(super) struct Fallback {
    path: PathBuf,
    token: SecretString,
    of: Vec<Vec<u8>>,
    max_age: Duration,
}

impl Fallback {
    /// The fallback for `asked`, with the credential in use.
    pub(super) fn new(context: &Context, path: &Path, asked: &Asked, max_age: Duration) -> Result<Self, CliError> {
        let config = context.config()?;
        let token = config.token.as_ref().ok_or_else(|| CliError::new(Exit::Forbidden, "not logged in"))?;
        let parts = [
            config.url.value.as_str(),
            &asked.place.project,
            &asked.place.environment,
            &asked.path,
            if asked.omit_withheld { "omit" } else { "" },
            asked.at.as_deref().unwrap_or(""),
        ];
        let of = parts.iter().map(|part| part.as_bytes().to_vec()).collect();
        let path = context.env.working_dir().join(path);
        let token = token.first.as_ref().unwrap_or(&token.value);
        Ok(Self { path, token: SecretString::new(token.expose().clone()), of, max_age })
    }

    fn of(&self) -> Vec<&[u8]> {
        self.of.iter().map(Vec::as_slice).collect()
    }

    /// Writes the file anew: `answer` as it came from the server at `now`.
    pub(super) fn keep(&self, now: Timestamp, answer: &SecretBytes) -> Result<(), CliError> {
        let dated = SecretBytes::new([&now.as_micros().to_be_bytes()[..], answer.expose()].concat());
        let sealed = offline::seal(&self.token, &self.of(), dated.expose())
            .map_err(|error| CliError::failed(error.to_string()))?;
        Ok(write_private_file(&self.path, &sealed)?)
    }

    /// The variables in the file, and how old they are. `unreachable` is why they are asked for: without a file it is
    /// what is to be said.
    pub(super) fn open(&self, now: Timestamp, unreachable: &CliError) -> Result<(Variables, Duration), CliError> {
        let name = self.path.display();
        let refuse = |why: String| {
            CliError::new(Exit::Unreachable, format!("{unreachable}; the fallback {name} {why}"))
                .hint("run once while the server can be reached, and it is written anew")
        };
        let stored = match read_whole_file(&self.path, MAX_FILE) {
            Ok(stored) => stored,
            Err(ConfigError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Err(refuse("is not there yet".to_owned()));
            }
            Err(error) => return Err(refuse(format!("cannot be read: {error}"))),
        };
        let sealed_for_another = "was made with another token, for another place or other flags, or is damaged";
        let dated = offline::open(&self.token, &self.of(), stored.expose())
            .map_err(|_| refuse(sealed_for_another.to_owned()))?;
        let (at, answer) = dated.expose().split_first_chunk().ok_or_else(|| refuse("is damaged".to_owned()))?;
        let at = Timestamp::from_micros(i64::from_be_bytes(*at));
        if at > now.plus(CLOCK_SKEW) {
            return Err(refuse("is from the future: this machine's clock is wrong, or was".to_owned()));
        }
        let age = now.since(at);
        if age > self.max_age {
            let (age, most) = (shown_age(age), shown_age(self.max_age));
            return Err(refuse(format!("is {age} old, more than the {most} of --fallback-max-age")));
        }
        Ok((Variables::read(answer)?, age))
    }
}

/// Reads an age: a whole number and `s`, `m`, `h` or `d`; at most ten years.
pub(in crate::cli) fn parse_age(text: &str) -> Result<Duration, String> {
    let wrong = || "an age is a number with s, m, h or d, like 90m, 24h or 7d".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
    let seconds = number.checked_mul(seconds).filter(|all| *all <= 3_660 * 86_400).ok_or_else(wrong)?;
    Ok(Duration::from_secs(seconds))
}

/// An age in its two largest units, for people.
pub(super) fn shown_age(age: Duration) -> String {
    let seconds = age.as_secs();
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

    fn fallback(dir: &Path, token: &str, environment: &str) -> Fallback {
        Fallback {
            path: dir.join("cache"),
            token: SecretString::new(token.to_owned()),
            of: vec![b"http://a".to_vec(), environment.as_bytes().to_vec()],
            max_age: Duration::from_hours(24),
        }
    }

    fn answer() -> SecretBytes {
        SecretBytes::new(br#"{"variables": {"A": "the value"}}"#.to_vec())
    }

    fn gone() -> CliError {
        CliError::new(Exit::Unreachable, "nobody answers")
    }

    #[test]
    fn it_opens_for_its_own_credential_place_and_age() {
        let dir = tempfile::tempdir().unwrap();
        let one = fallback(dir.path(), "one", "staging");
        let refusal = |fallback: &Fallback, now| {
            let error = fallback.open(now, &gone()).err().expect("refused");
            assert_eq!(error.exit(), Exit::Unreachable);
            error.to_string()
        };
        assert!(refusal(&one, NOW).contains("not there yet"));
        one.keep(NOW, &answer()).unwrap();
        let (variables, age) = one.open(NOW.plus(Duration::from_hours(24)), &gone()).unwrap();
        assert_eq!((variables.values["A"].expose().as_slice(), age), (&b"the value"[..], Duration::from_hours(24)));
        assert!(refusal(&one, NOW.plus(Duration::from_secs(86_401))).contains("1 d 0 h old"));
        assert!(one.open(NOW.minus(Duration::from_mins(4)), &gone()).is_ok());
        assert!(refusal(&one, NOW.minus(Duration::from_mins(6))).contains("future"));
        assert!(refusal(&fallback(dir.path(), "two", "staging"), NOW).contains("another token"));
        assert!(refusal(&fallback(dir.path(), "one", "production"), NOW).contains("another place"));
        let stored = std::fs::read(dir.path().join("cache")).unwrap();
        assert!(!stored.windows(9).any(|window| window == b"the value"));
        std::fs::write(dir.path().join("cache"), &stored[..stored.len() - 1]).unwrap();
        assert!(refusal(&one, NOW).contains("damaged"));
    }

    #[test]
    fn ages_are_read_and_shown() {
        assert_eq!(parse_age("90m"), Ok(Duration::from_mins(90)));
        assert_eq!(parse_age("7d"), Ok(Duration::from_hours(168)));
        for bad in ["", "7", "d", "-1d", "+1d", "1.5h", "1w", "99999999999999999999d", "4000d", "1é"] {
            assert!(parse_age(bad).is_err(), "{bad}");
        }
        let shown = |text: &str| shown_age(parse_age(text).unwrap());
        assert_eq!(
            [shown("59s"), shown("90s"), shown("90m"), shown("49h")],
            ["59 s", "1 min", "1 h 30 min", "2 d 1 h"]
        );
    }
}
