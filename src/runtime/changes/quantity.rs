//! Amounts as a cluster writes them: `0.5` is `500m`, `1024Mi` is `1Gi`.

use serde_json::Value;

/// Billionths: the smallest unit there is.
const UNIT: i128 = 1_000_000_000;

/// Whether both are amounts, where amounts stand, and the same.
pub(super) fn same(path: &str, a: &Value, b: &Value) -> bool {
    let is_place = path.split('.').any(|step| {
        ["requests", "limits", "hard", "default", "defaultRequest", "sizeLimit"]
            .iter()
            .any(|name| step == *name || step.strip_prefix(name).is_some_and(|rest| rest.starts_with('[')))
    });
    is_place && read(a).is_some_and(|a| Some(a) == read(b))
}

fn read(value: &Value) -> Option<i128> {
    match value {
        Value::String(text) => parse(text),
        Value::Number(number) => parse(&number.to_string()),
        _ => None,
    }
}

/// In billionths.
fn parse(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let unit = match suffix {
        "" => UNIT,
        "n" => 1,
        "u" => 1_000,
        "m" => 1_000_000,
        "k" => UNIT * 1_000,
        "M" => UNIT * 1_000_000,
        "G" => UNIT * 1_000_000_000,
        "T" => UNIT * 1_000_000_000_000,
        "P" => UNIT * 1_000_000_000_000_000,
        "E" => UNIT * 1_000_000_000_000_000_000,
        "Ki" => UNIT << 10,
        "Mi" => UNIT << 20,
        "Gi" => UNIT << 30,
        "Ti" => UNIT << 40,
        "Pi" => UNIT << 50,
        "Ei" => UNIT << 60,
        exponent => {
            let power: u32 = exponent.strip_prefix(['e', 'E'])?.parse().ok().filter(|power| *power <= 18)?;
            UNIT * 10_i128.pow(power)
        }
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.len() > 9 {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    // What does not come out even is rounded up, as a cluster does.
    let product = digits.checked_mul(unit)?;
    Some(product / scale + i128::from(product % scale != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_amount_has_many_forms() {
        for (a, b) in [
            ("0.5", "500m"),
            ("1", "1000m"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("1e3", "1k"),
            ("1000", "1k"),
            ("250000u", "250m"),
            ("0", "0Mi"),
        ] {
            assert_eq!(parse(a).expect(a), parse(b).expect(b), "{a} and {b}");
        }
        assert_ne!(parse("1G"), parse("1Gi"));
        for wrong in ["", ".", "x", "1x", "1.2.3", "-1", "1e99", "1Gi2"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn amounts_stand_only_where_they_stand() {
        let (a, b) = (Value::from("0.5"), Value::from("500m"));
        assert!(same("spec.containers[a].resources.limits.cpu", &a, &b));
        assert!(same("spec.limits[0].default.cpu", &a, &b) && same("spec.hard.requests.cpu", &a, &b));
        assert!(!same("spec.containers[a].env[A].value", &a, &b), "a text is not an amount");
    }
}
