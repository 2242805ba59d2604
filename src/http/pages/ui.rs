//! Small things every template uses: icons, times, addresses. What they write is safe as HTML by its making.

use std::fmt;
use std::sync::LazyLock;

use askama::filters::{Html, HtmlSafe, escape};

use super::assets;
use super::show_as::ShowAs;
use crate::policy::Tier;
use crate::types::Timestamp;

/// An icon of the sprite, 16 px, beside words that say the same.
pub(super) struct Icon(&'static str);

/// The icon with this name.
pub(super) fn icon(name: &'static str) -> Icon {
    Icon(name)
}

impl HtmlSafe for Icon {}

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        static SPRITE: LazyLock<String> = LazyLock::new(|| assets::url("icons.svg"));
        let name = self.0;
        write!(f, "<svg class=\"icon\" aria-hidden=\"true\"><use href=\"{}#{name}\"/></svg>", *SPRITE)
    }
}

/// A moment as people read it: how long ago, with the date behind it.
pub(super) struct When {
    at: Timestamp,
    now: Timestamp,
}

/// A moment, told at `now`.
pub(super) fn when(at: &Timestamp, now: &Timestamp) -> When {
    When { at: *at, now: *now }
}

impl HtmlSafe for When {}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.to_string();
        let (date, time) = (at.get(..10).unwrap_or(&at), at.get(11..19).unwrap_or(""));
        write!(f, "<time datetime=\"{at}\" title=\"{date} {time} UTC\">")?;
        if self.at > self.now {
            let (count, unit) = span(self.at.since(self.now).as_secs());
            write!(f, "in {count} {unit}")?;
        } else {
            let seconds = self.now.since(self.at).as_secs();
            match span(seconds) {
                _ if seconds < 45 => f.write_str("just now")?,
                (count, unit) => write!(f, "{count} {unit} ago")?,
            }
        }
        f.write_str("</time>")
    }
}

/// Seconds in the largest unit that leaves a number worth reading.
fn span(seconds: u64) -> (u64, &'static str) {
    const UNITS: &[(u64, &str)] = &[(31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3_600, "h"), (60, "min")];
    UNITS
        .iter()
        .find(|(length, _)| seconds >= *length)
        .map_or((seconds, "s"), |(length, unit)| (seconds / length, unit))
}

/// The day of a moment in UTC, as a browser's field has it.
pub(super) fn day(at: &Timestamp) -> String {
    at.to_string().get(..10).unwrap_or_default().to_owned()
}

/// A text as one part of a path, or as a value of a query.
pub(super) fn part(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _infallible = fmt::Write::write_fmt(&mut out, format_args!("%{byte:02X}"));
        }
    }
    out
}

/// A number with separators.
pub(super) fn number(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 secret`, `2 secrets`.
pub(super) fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {one}s", number(n)) }
}

/// The tier as a badge: a colour and its word.
pub(super) struct TierBadge(Tier);

/// The badge of a tier.
pub(super) fn tier(tier: &Tier) -> TierBadge {
    TierBadge(*tier)
}

impl HtmlSafe for TierBadge {}

impl fmt::Display for TierBadge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.0.as_str();
        write!(f, "<span class=\"tier\" data-tier=\"{word}\">{word}</span>")
    }
}

/// A form in other words: the command, the request and the file that do the same, with placeholders for what is typed.
pub(super) struct Same<'a> {
    base: &'a str,
    cli: &'static str,
    request: &'static str,
    yaml: &'static str,
}

/// The same as a form does. `request` is a method and a path below the API's, `yaml` its fields, a line each.
pub(super) fn same<'a>(base: &'a str, cli: &'static str, request: &'static str, yaml: &'static str) -> Same<'a> {
    Same { base, cli, request, yaml }
}

impl HtmlSafe for Same<'_> {}

impl fmt::Display for Same<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (method, path) = self.request.split_once(' ').unwrap_or(("GET", self.request));
        let fields = self.yaml.lines().filter_map(|line| line.split_once(": ")).collect::<Vec<_>>();
        let shown = ShowAs::request(self.base, self.cli, method, path, &fields);
        let yaml = if shown.yaml.is_empty() { "" } else { " · YAML" };
        write!(f, "<details class=\"part as\"><summary>Show as CLI · curl{yaml}</summary>")?;
        for (title, text) in [("CLI", &shown.cli), ("curl", &shown.curl), ("YAML", &shown.yaml)] {
            if !text.is_empty() {
                let Ok(text) = escape(text, Html);
                write!(f, "<h3>{title}</h3><pre tabindex=\"0\"><code>{text}</code></pre>")?;
            }
        }
        f.write_str("</details>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_in_other_words_is_text() {
        let shown = same("http://a", "holdfast x <Y>", "POST /x/<Y>", "role: <ROLE>\nlimit: 3").to_string();
        assert!(shown.contains("holdfast x &#60;Y&#62;") || shown.contains("holdfast x &lt;Y&gt;"), "{shown}");
        assert!(!shown.contains("<ROLE>") && shown.contains('3'), "{shown}");
    }

    #[test]
    fn times_are_told_in_the_largest_unit() {
        let now = Timestamp::from_micros(1_795_000_000_000_000);
        let told =
            |seconds: i64| when(&Timestamp::from_micros(now.as_micros() - seconds * 1_000_000), &now).to_string();
        for (seconds, words) in [(3, ">just now<"), (59, ">59 s ago<"), (60, ">1 min ago<"), (7_200, ">2 h ago<")] {
            assert!(told(seconds).contains(words), "{}", told(seconds));
        }
        assert!(told(-90_000).contains(">in 1 d<"), "{}", told(-90_000));
        assert!(told(0).contains("title=\"2026-11-18 11:06:40 UTC\""), "{}", told(0));
    }

    #[test]
    fn what_is_put_into_an_address_stays_one_part() {
        assert_eq!(part("a/b?c=d&é<\"'"), "a%2Fb%3Fc%3Dd%26%C3%A9%3C%22%27");
        assert_eq!(
            (number(0), number(999), number(1_000), number(1_234_567)),
            ("0".into(), "999".into(), "1,000".into(), "1,234,567".into())
        );
    }
}
