//! The known name that a misspelt one resembles most.

/// Longest name compared, in characters: the work grows with its square.
const MAX_LEN: usize = 80;

/// The candidate at the smallest edit distance from `name`, when it is near enough to be meant: at most a
/// third of the name's length, and at least two edits are always allowed. Case does not count.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.to_lowercase().chars().take(MAX_LEN).collect();
    let limit = (name.len() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| {
            (distance(&name, &candidate.to_lowercase().chars().take(MAX_LEN).collect::<Vec<_>>()), candidate)
        })
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits that make `a` into `b`: insert, delete, replace, swap two neighbours (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, &y) in b.iter().enumerate() {
            let replace = last[j] + usize::from(x != y);
            let mut best = replace.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: [&str; 4] = ["server.listen", "server.workers", "tls.cert", "rate_limits.enabled"];

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        assert_eq!(nearest("server.lisen", KNOWN), Some("server.listen"));
        assert_eq!(nearest("server.lsiten", KNOWN), Some("server.listen"));
        assert_eq!(nearest("tls.crt", KNOWN), Some("tls.cert"));
        assert_eq!(nearest("RATE_LIMIT.ENABLED", KNOWN), Some("rate_limits.enabled"));
        assert_eq!(nearest("colour", KNOWN), None);
    }

    proptest! {
        #[test]
        fn is_symmetric_and_zero_only_for_equals(a in ".{0,12}", b in ".{0,12}") {
            let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            prop_assert_eq!(distance(&a, &b), distance(&b, &a));
            prop_assert_eq!(distance(&a, &b) == 0, a == b);
            prop_assert!(distance(&a, &b) <= a.len().max(b.len()));
        }

        #[test]
        fn any_text_is_survived(a in ".{0,300}") {
            let _ = nearest(&a, KNOWN);
        }
    }
}
