//! How random a text looks.

/// Shannon's entropy of the bytes, in bits each; 0 for none.
pub(super) fn shannon(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text {
        counts[usize::from(*byte)] += 1;
    }
    #[expect(clippy::cast_precision_loss, reason = "a token is short")]
    let len = text.len() as f64;
    counts.iter().filter(|n| **n > 0).fold(0.0, |sum, n| {
        let p = f64::from(*n) / len;
        sum - p * p.log2()
    })
}

/// What kinds of characters a text has.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Classes {
    pub(super) lower: usize,
    pub(super) upper: usize,
    pub(super) digits: usize,
    pub(super) other: usize,
    /// How often the kind changes from one character to the next.
    pub(super) changes: usize,
}

impl Classes {
    pub(super) fn of(text: &[u8]) -> Self {
        let mut found = Self::default();
        let mut before = None;
        for byte in text {
            let class = match byte {
                b'a'..=b'z' => 0,
                b'A'..=b'Z' => 1,
                b'0'..=b'9' => 2,
                _ => 3,
            };
            match class {
                0 => found.lower += 1,
                1 => found.upper += 1,
                2 => found.digits += 1,
                _ => found.other += 1,
            }
            found.changes += usize::from(before.is_some_and(|b| b != class));
            before = Some(class);
        }
        found
    }

    /// How many of the four kinds there are.
    pub(super) fn kinds(self) -> usize {
        [self.lower, self.upper, self.digits, self.other].iter().filter(|n| **n > 0).count()
    }
}

/// Whether a run of base64's characters looks drawn rather than written: near the entropy its length allows, with
/// digits, and changing its kind of character often, as identifiers and words do not.
pub(super) fn looks_drawn(text: &[u8]) -> bool {
    let classes = Classes::of(text);
    #[expect(clippy::cast_precision_loss, reason = "a token is short")]
    let most = (text.len() as f64).log2().min(6.0);
    classes.digits >= 2
        && classes.lower + classes.upper >= 4
        && classes.kinds() >= 2
        && classes.changes * 3 >= text.len()
        && shannon(text) >= (0.86 * most).min(4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_shannons() {
        assert!(shannon(b"").abs() < f64::EPSILON && shannon(b"aaaa").abs() < f64::EPSILON);
        assert!((shannon(b"ab") - 1.0).abs() < 1e-9 && (shannon(b"abcdefgh") - 3.0).abs() < 1e-9);
    }

    #[test]
    fn what_people_write_does_not_look_drawn() {
        for written in [
            &b"getUserAccountSettings2"[..],
            b"sha256WithRSAEncryption",
            b"application/json;version=1.0",
            b"com.example.shop.checkout.v2",
            b"aaaaaaaaaaaaaaaaaaaaaaaaaaaa1",
            b"0123456789012345678901234567",
        ] {
            assert!(!looks_drawn(written), "{}", String::from_utf8_lossy(written));
        }
    }
}
