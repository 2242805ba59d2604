//! Names, quantities and other single values. Each is valid because parsing is the only way to one.

use super::form::{ANYTHING, number, text};

text!(
    /// A DNS label that fits every name made from it: of a blueprint, a service, a plan, a volume, a secret.
    Label, r"^[a-z]([-a-z0-9]*[a-z0-9])?$", most 40, "this name",
    "a-z, 0-9 and hyphens, beginning with a letter, at most 40 characters"
);
text!(
    /// The name of a port: a service name of IANA's rules.
    PortName, r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", most 15, "this name of a port",
    "a-z, 0-9 and single hyphens, beginning with a letter, at most 15 characters"
);
text!(
    /// A container image: `registry/path:tag@sha256:…`, the last two as it may be.
    Image,
    r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$",
    most 512, "this image", "like registry.example/shop-api:1.4, in lower case but for the tag"
);
text!(
    /// The name of an environment variable of a container.
    EnvName, r"^[A-Za-z_][A-Za-z0-9_]*$", most 255, "this name of a variable",
    "letters, digits and underscores, not beginning with a digit"
);
text!(
    /// The name of a variable of the environment.
    VariableName, r"^[A-Za-z_][A-Za-z0-9_.-]*$", most 255, "this name of a variable",
    "as the environment calls it, like DATABASE_URL"
);
text!(
    /// A name of a variable of the environment, in which `*` stands for any characters.
    VariablePattern, r"^[A-Za-z_*][A-Za-z0-9_.*-]*$", most 255, "this name of a variable",
    "as the environment calls it, like DATABASE_URL, or with a star: SMTP_*"
);
text!(
    /// A plain value of an environment variable, or one made of variables: `${NAME}`.
    EnvValue, ANYTHING, most 8192, "this value", "a text; `${NAME}` takes a variable of the environment, `$${` is `${`",
    loose true, check |text| references(text).map(drop)
);
text!(
    /// A word of a command line.
    Argument, ANYTHING, most 8192, "this argument", "a text without a NUL", loose true, check no_nul
);
text!(
    /// A script of an init step.
    Script, ANYTHING, most 65536, "this script", "a text without a NUL", check no_nul
);
text!(
    /// Processor time: `250m` is a quarter of a core.
    Cpu, r"^([1-9][0-9]{0,6}m|[0-9]{1,4}(\.[0-9]{1,3})?)$", most 9, "this amount of cpu",
    "like 50m (thousandths of a core), 0.5 or 2", loose true, check |text| millis(text).map(drop)
);
text!(
    /// Memory or storage: `64Mi`, `1Gi`.
    Memory, r"^[1-9][0-9]{0,14}(Ki|Mi|Gi|Ti|k|M|G|T)?$", most 17, "this amount of memory",
    "like 64Mi or 1Gi", loose true, check |text| bytes(text).map(drop)
);
text!(
    /// A length of time: `10s`, `5m`, `12h`, `7d`.
    Lasting, r"^[1-9][0-9]{0,6}(s|m|h|d)$", most 8, "this time", "a number with s, m, h or d: 30s, 7d",
    check |text| if seconds(text) > 366 * 86_400 { Err("is longer than a year") } else { Ok(()) }
);
text!(
    /// A path and query that a probe asks for.
    HttpPath, r"^/[!-~]*$", most 1024, "this path", "it begins with a slash: /readyz"
);
text!(
    /// Where a volume is in the container.
    MountPath, r"^(/[A-Za-z0-9_@+.-]+)+$", most 512, "this path", "absolute, without a slash at its end: /var/lib/data",
    check |text| if text.split('/').any(|part| part == "." || part == "..") { Err("leads upwards") } else { Ok(()) }
);
text!(
    /// A host name.
    DnsName, r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+$", most 253, "this host",
    "a full name in lower case: shop.example.com"
);

number!(
    /// How often a service runs.
    Replicas(u32), 0..=50
);
number!(
    /// A port.
    PortNumber(u16), 1..=65535
);
number!(
    /// The numeric user of a process.
    UserId(u32), 0..=2_147_483_647
);
number!(
    /// The length of a generated secret, in characters.
    SecretLength(u16), 8..=256
);
number!(
    /// Minutes.
    Minutes(u32), 1..=10_080
);
number!(
    /// How often in a row a probe has to fail.
    Failures(u32), 1..=600
);

impl Replicas {
    /// Once.
    pub const ONE: Self = Self(1);
}

impl SecretLength {
    /// What is drawn when no length is named.
    pub const USUAL: Self = Self(32);
}

impl Minutes {
    /// After which services sleep when nothing else is said.
    pub const HALF_AN_HOUR: Self = Self(30);
}

fn no_nul(text: &str) -> Result<(), &'static str> {
    if text.contains('\0') { Err("holds a NUL") } else { Ok(()) }
}

impl Label {
    /// The nearest label to a text: what is not allowed becomes a hyphen, and hyphens in a row one.
    pub fn near(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let mapped: String = lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let trimmed = mapped.trim_start_matches(|c: char| !c.is_ascii_lowercase());
        let single: Vec<&str> = trimmed.split('-').filter(|part| !part.is_empty()).collect();
        let cut: String = single.join("-").chars().take(40).collect();
        Self::parse(cut.trim_end_matches('-')).ok()
    }
}

impl Image {
    /// The tag.
    pub fn tag(&self) -> Option<&str> {
        let name = self.as_str().split('@').next().unwrap_or_default();
        let last = name.rsplit('/').next().unwrap_or(name);
        last.split_once(':').map(|(_, tag)| tag)
    }

    /// Whether it names exactly one image.
    pub fn has_digest(&self) -> bool {
        self.as_str().contains('@')
    }

    /// Its name without tag and digest, and without the registry that is meant when none is named.
    pub fn bare(&self) -> &str {
        let name = self.as_str().split('@').next().unwrap_or_default();
        let end = self.tag().map_or(name.len(), |tag| name.len() - tag.len() - 1);
        let name = &name[..end];
        let name = name.strip_prefix("docker.io/").unwrap_or(name);
        name.strip_prefix("library/").unwrap_or(name)
    }
}

impl EnvValue {
    /// The names of variables it is made of.
    pub fn references(&self) -> Vec<VariableName> {
        references(self.as_str()).unwrap_or_default()
    }
}

/// The names in `${NAME}`; `$${` is a text.
fn references(text: &str) -> Result<Vec<VariableName>, &'static str> {
    no_nul(text)?;
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let is_literal = rest[..at].ends_with('$');
        rest = &rest[at + 2..];
        if is_literal {
            continue;
        }
        let Some((name, behind)) = rest.split_once('}') else { return Err("has a `${` that is not closed") };
        names.push(VariableName::parse(name).map_err(|_| "has a `${…}` with something else than a name in it")?);
        rest = behind;
    }
    Ok(names)
}

impl VariablePattern {
    /// Whether it has no star.
    pub fn is_name(&self) -> bool {
        !self.as_str().contains('*')
    }

    /// Whether it stands for this name.
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.as_str().split('*');
        let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
        let parts: Vec<&str> = parts.collect();
        let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
        for part in middle {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

fn millis(text: &str) -> Result<u32, &'static str> {
    let number = |digits: &str| digits.parse::<u32>().map_err(|_| "is too much");
    let value = if let Some(thousandths) = text.strip_suffix('m') {
        number(thousandths)?
    } else {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        number(whole)? * 1_000 + number(&format!("{fraction:0<3}"))?
    };
    if value == 0 { Err("is nothing") } else { Ok(value) }
}

impl Cpu {
    /// In thousandths of a core.
    pub fn millis(&self) -> u32 {
        millis(self.as_str()).unwrap_or(u32::MAX)
    }
}

fn bytes(text: &str) -> Result<u64, &'static str> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match &text[digits.len()..] {
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        _ => 1,
    };
    let number = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).filter(|n| *n <= 1 << 50);
    number.ok_or("is too much")
}

impl Memory {
    /// In bytes.
    pub fn bytes(&self) -> u64 {
        bytes(self.as_str()).unwrap_or(u64::MAX)
    }
}

fn seconds(text: &str) -> u64 {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => 1,
    };
    digits.parse::<u64>().map_or(u64::MAX, |n| n.saturating_mul(unit))
}

impl Lasting {
    /// In seconds.
    pub fn seconds(&self) -> u64 {
        seconds(self.as_str())
    }

    /// So many seconds, in the largest unit that has no rest; none for 0 and for more than a year.
    pub fn of_seconds(seconds: u64) -> Option<Self> {
        let (unit, word) = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")]
            .into_iter()
            .find(|(unit, _)| seconds.is_multiple_of(*unit))?;
        Self::parse(&format!("{}{word}", seconds / unit)).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_what_their_rules_say() {
        for (text, good) in
            [("web", true), ("a", true), ("a-1", true), ("1a", false), ("a-", false), ("A", false), ("", false)]
        {
            assert_eq!(Label::parse(text).is_ok(), good, "{text}");
            assert_eq!(PortName::parse(text).is_ok(), good, "{text}");
        }
        assert!(Label::parse(&"a".repeat(40)).is_ok() && Label::parse(&"a".repeat(41)).is_err());
        assert!(PortName::parse("a--b").is_err());
        assert_eq!(Label::near("My_App 2!").map(|l| l.as_str().to_owned()), Some("my-app-2".to_owned()));
        assert_eq!(Label::near("42"), None);
    }

    #[test]
    fn images_have_a_name_a_tag_and_a_digest() {
        let image = |text: &str| Image::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let digest = format!("@sha256:{}", "0".repeat(64));
        assert_eq!(image("localhost:5000/shop/api:1.4").tag(), Some("1.4"));
        assert_eq!(image("localhost:5000/shop/api").tag(), None);
        assert_eq!(image("localhost:5000/shop/api").bare(), "localhost:5000/shop/api");
        assert_eq!(image("docker.io/library/postgres:16").bare(), "postgres");
        assert!(image(&format!("redis{digest}")).has_digest());
        for wrong in ["Redis", "redis:", "a b", "-a", "redis@sha256:12", "a//b", ""] {
            assert!(Image::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn quantities_are_numbers() {
        let cpu = |text: &str| Cpu::parse(text).map(|c| c.millis());
        assert_eq!((cpu("50m"), cpu("0.5"), cpu("2"), cpu("1.25")), (Ok(50), Ok(500), Ok(2_000), Ok(1_250)));
        assert!(cpu("0").is_err() && cpu("0.0").is_err() && cpu("1.2345").is_err() && cpu("x").is_err());
        let memory = |text: &str| Memory::parse(text).map(|m| m.bytes());
        assert_eq!((memory("64Mi"), memory("1G"), memory("5")), (Ok(64 << 20), Ok(1_000_000_000), Ok(5)));
        assert!(memory("64MB").is_err() && memory("999999999999Ti").is_err());
        let lasting = |text: &str| Lasting::parse(text).map(|l| l.seconds());
        assert_eq!((lasting("90s"), lasting("7d")), (Ok(90), Ok(604_800)));
        assert!(lasting("400d").is_err() && lasting("7").is_err());
        assert_eq!(Lasting::of_seconds(5_400).map(|l| l.as_str().to_owned()), Some("90m".to_owned()));
        assert_eq!(Lasting::of_seconds(0), None);
    }

    #[test]
    fn references_are_names_in_braces() {
        let names = |text: &str| {
            EnvValue::parse(text).map(|v| v.references().iter().map(|n| n.as_str().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(names("a${A}b${B}$${C}"), Ok(vec!["A".to_owned(), "B".to_owned()]));
        assert_eq!(names("$A {B}"), Ok(vec![]));
        assert!(names("${A").is_err() && names("${}").is_err() && names("${a b}").is_err());
    }

    #[test]
    fn stars_stand_for_any_characters() {
        let matches = |pattern: &str, name: &str| VariablePattern::parse(pattern).expect(pattern).matches(name);
        assert!(matches("SMTP_*", "SMTP_HOST") && matches("*", "A") && matches("A*B*C", "AxBC"));
        assert!(matches("*_URL", "A_URL") && matches("A", "A") && matches("A*A", "AA"));
        assert!(!matches("SMTP_*", "SMT") && !matches("A*A", "A") && !matches("A", "AB") && !matches("A*B", "ABx"));
    }

    proptest! {
        #[test]
        fn a_time_is_written_as_it_is_read(seconds in 1_u64..2_000_000) {
            let time = Lasting::of_seconds(seconds).expect("in the range");
            prop_assert_eq!(time.seconds(), seconds);
        }

        #[test]
        fn a_pattern_without_a_star_matches_itself_only(name in "[A-Z_]{1,8}", other in "[A-Z_]{1,8}") {
            let pattern = VariablePattern::parse(&name).expect("a name");
            prop_assert_eq!(pattern.matches(&other), name == other);
        }
    }
}
