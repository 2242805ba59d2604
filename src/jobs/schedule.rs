//! When a job is due: five cron fields in UTC, or every so many seconds.

use std::fmt;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::types::{ParseError, Timestamp};

/// Days looked ahead for the next time: between two 29ths of February lie eight years at most.
const DAYS_MAX: u32 = 9 * 366;
const SECONDS_MAX: u64 = 86_400;
/// Missed times counted at most.
const MISSED_MAX: u32 = 10_000;

/// When a job is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// At fixed times.
    At(Cron),
    /// This long after its last run began: 1 second to a day, whole seconds.
    Every(Duration),
}

impl Schedule {
    /// Reads five cron fields, or `every 60s`.
    ///
    /// # Errors
    /// Anything else, and times that never come.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let Some(every) = text.strip_prefix("every ") else { return Cron::parse(text).map(Self::At) };
        let seconds = every.strip_suffix('s').and_then(|number| number.parse().ok());
        seconds.filter(|seconds| (1..=SECONDS_MAX).contains(seconds)).map_or_else(
            || Err(ParseError::new("schedule", "an interval is `every 1s` to `every 86400s`")),
            |seconds| Ok(Self::Every(Duration::from_secs(seconds))),
        )
    }

    /// The first time after `now`.
    pub fn next_after(&self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(cron) => cron.next_after(now),
            Self::Every(every) => now.plus(*every),
        }
    }

    /// How many due times lie after `due` and not after `now`, at most 10,000.
    pub fn missed(&self, due: Timestamp, now: Timestamp) -> u32 {
        match self {
            Self::Every(every) => {
                let count = now.since(due).as_micros().checked_div(every.as_micros()).unwrap_or(0);
                u32::try_from(count).unwrap_or(MISSED_MAX).min(MISSED_MAX)
            }
            Self::At(cron) => {
                let (mut at, mut count) = (cron.next_after(due), 0);
                while at <= now && count < MISSED_MAX {
                    (at, count) = (cron.next_after(at), count + 1);
                }
                count
            }
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(cron) => cron.fmt(f),
            Self::Every(every) => write!(f, "every {}s", every.as_secs()),
        }
    }
}

/// Minute, hour, day of the month, month, day of the week: numbers, `*`, lists, ranges and steps. As in cron, when
/// both days are restricted, either is enough. One bit for each value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
}

const MINUTES: (u32, u32) = (0, 59);
const HOURS: (u32, u32) = (0, 23);
const DAYS: (u32, u32) = (1, 31);
const MONTHS: (u32, u32) = (1, 12);
/// Sunday is 0; 7 is read as 0.
const WEEKDAYS: (u32, u32) = (0, 6);

impl Cron {
    /// Reads five fields.
    ///
    /// # Errors
    /// Not five, one that is none, or a day that never comes (the 31st of February).
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let wrong = |problem: &str| ParseError::new("schedule", format!("`{text}`: {problem}"));
        if text.len() > 256 {
            return Err(ParseError::new("schedule", "too long"));
        }
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return Err(wrong("five fields are needed: minute hour day month weekday"));
        };
        let read = |field: &str, name: &str, (low, high): (u32, u32)| {
            bits(field, low, high).ok_or_else(|| wrong(&format!("{name} must be of {low}-{high}, *, lists, a-b, /n")))
        };
        let weekdays = read(weekdays, "weekday", (0, 7))?;
        let cron = Self {
            minutes: read(minutes, "minute", MINUTES)?,
            hours: read(hours, "hour", HOURS)?,
            days: read(days, "day", DAYS)?,
            months: read(months, "month", MONTHS)?,
            weekdays: (weekdays | weekdays >> 7) & all(WEEKDAYS),
        };
        cron.find(Date::constant(2000, 1, 1), 0).ok_or_else(|| wrong("this day never comes"))?;
        Ok(cron)
    }

    /// The first time after `now`, in UTC.
    pub fn next_after(&self, now: Timestamp) -> Timestamp {
        let next = || {
            let utc = jiff::Timestamp::from_microsecond(now.as_micros()).ok()?.to_zoned(TimeZone::UTC);
            let minute = u32::try_from(utc.hour()).ok()? * 60 + u32::try_from(utc.minute()).ok()?;
            let (date, minute) = self.find(utc.date(), minute + 1)?;
            let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
            let at = date.at(hour, minute, 0, 0).to_zoned(TimeZone::UTC).ok()?;
            Some(Timestamp::from_micros(at.timestamp().as_microsecond()))
        };
        // None only at the end of the calendar, where no clock stands by right.
        next().unwrap_or_else(|| now.plus(Duration::from_secs(SECONDS_MAX)))
    }

    /// The first matching day and minute of the day, from this minute of this day on.
    fn find(&self, from: Date, minute: u32) -> Option<(Date, u32)> {
        let (mut date, mut minute) = (from, minute);
        for _ in 0..DAYS_MAX {
            if self.is_day(date)
                && let Some(found) = (minute..24 * 60).find(|m| has(self.hours, m / 60) && has(self.minutes, m % 60))
            {
                return Some((date, found));
            }
            (date, minute) = (date.tomorrow().ok()?, 0);
        }
        None
    }

    fn is_day(&self, date: Date) -> bool {
        let bit = |value: i8| u32::try_from(value).unwrap_or(0);
        let day = has(self.days, bit(date.day()));
        let weekday = has(self.weekdays, bit(date.weekday().to_sunday_zero_offset()));
        let either = self.days != all(DAYS) && self.weekdays != all(WEEKDAYS);
        has(self.months, bit(date.month())) && if either { day || weekday } else { day && weekday }
    }
}

const fn has(bits: u64, value: u32) -> bool {
    bits >> value & 1 == 1
}

const fn all((low, high): (u32, u32)) -> u64 {
    (1 << (high + 1)) - (1 << low)
}

/// The values of one field.
fn bits(field: &str, low: u32, high: u32) -> Option<u64> {
    let mut bits = 0;
    for part in field.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let step = step.map_or(Some(1), number).filter(|step| *step > 0)?;
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(range)?, number(range)?),
        };
        if first < low || last > high || first > last {
            return None;
        }
        let mut value = first;
        while value <= last {
            bits |= 1 << value;
            value += step;
        }
    }
    Some(bits)
}

fn number(text: &str) -> Option<u32> {
    if text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// The fields in their shortest form; what is printed reads back as the same.
impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = [
            (self.minutes, MINUTES),
            (self.hours, HOURS),
            (self.days, DAYS),
            (self.months, MONTHS),
            (self.weekdays, WEEKDAYS),
        ];
        for (index, (bits, range)) in fields.into_iter().enumerate() {
            let gap = if index > 0 { " " } else { "" };
            if bits == all(range) {
                write!(f, "{gap}*")?;
                continue;
            }
            let values: Vec<String> = (range.0..=range.1).filter(|v| has(bits, *v)).map(|v| v.to_string()).collect();
            write!(f, "{gap}{}", values.join(","))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next(schedule: &str, now: &str) -> String {
        let now = Timestamp::parse(now).unwrap();
        Schedule::parse(schedule).unwrap().next_after(now).to_string()
    }

    #[test]
    fn times_are_in_utc_and_strictly_after() {
        for (schedule, now, expected) in [
            ("* * * * *", "2026-11-23T03:27:28Z", "2026-11-23T03:28:00.000000Z"),
            ("0 * * * *", "2026-11-23T03:00:00Z", "2026-11-23T04:00:00.000000Z"),
            ("*/15 9-17 * * 1-5", "2026-11-20T17:45:00Z", "2026-11-23T09:00:00.000000Z"),
            ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00.000000Z"),
            ("0 0 29 2 *", "2097-01-01T00:00:00Z", "2104-02-29T00:00:00.000000Z"),
            ("30 2 13 * 5", "2026-11-23T00:00:00Z", "2026-11-27T02:30:00.000000Z"),
            ("0 0 * * 7", "2026-11-23T00:00:00Z", "2026-11-29T00:00:00.000000Z"),
            ("every 60s", "2026-11-23T03:27:28.5Z", "2026-11-23T03:28:28.500000Z"),
            ("0 0 1 1 *", "1969-06-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(next(schedule, now), expected, "{schedule} after {now}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for bad in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "5-1 * * * *",
            "*/0 * * * *",
            "-1 * * * *",
            "0 0 31 2 *",
            "every 0s",
            "every 86401s",
            "every 5m",
            "1,,2 * * * *",
        ] {
            assert!(Schedule::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn missed_times_are_counted_to_a_limit() {
        let at = |text| Timestamp::parse(text).unwrap();
        let hourly = Schedule::parse("0 * * * *").unwrap();
        assert_eq!(hourly.missed(at("2026-11-23T04:00:00Z"), at("2026-11-23T04:00:01Z")), 0);
        assert_eq!(hourly.missed(at("2026-11-23T04:00:00Z"), at("2026-11-24T04:00:01Z")), 24);
        assert_eq!(hourly.missed(at("2000-11-23T04:00:00Z"), at("2026-11-24T04:00:01Z")), 10_000);
        let every = Schedule::parse("every 60s").unwrap();
        assert_eq!(every.missed(at("2026-11-23T04:00:00Z"), at("2026-11-23T04:02:01Z")), 2);
        assert_eq!(every.missed(at("2026-11-23T04:00:00Z"), at("2026-11-23T03:00:00Z")), 0);
    }

    fn field(low: u32, high: u32) -> impl Strategy<Value = String> {
        prop_oneof![
            Just("*".to_owned()),
            (low..=high).prop_map(|v| v.to_string()),
            (low..=high, low..=high).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
            (1_u32..30).prop_map(|n| format!("*/{n}")),
        ]
    }

    fn schedule() -> impl Strategy<Value = String> {
        // No month: a day is never far away then, and the naive search below stays short.
        (field(0, 59), field(0, 23), field(1, 28), field(0, 7)).prop_map(|(m, h, d, w)| format!("{m} {h} {d} * {w}"))
    }

    proptest! {
        #[test]
        fn any_text_is_a_schedule_or_an_error(text in ".{0,40}") {
            let _ = Schedule::parse(&text);
        }

        #[test]
        fn what_is_printed_reads_back(text in schedule()) {
            let schedule = Schedule::parse(&text).unwrap();
            prop_assert_eq!(Schedule::parse(&schedule.to_string()).unwrap(), schedule);
        }

        #[test]
        fn the_next_time_is_the_first_matching_minute(text in schedule(), now in 1_700_000_000_i64..1_900_000_000) {
            let Ok(Schedule::At(cron)) = Schedule::parse(&text) else { return Err(TestCaseError::fail("is cron")) };
            let next = cron.next_after(Timestamp::from_micros(now * 1_000_000)).as_micros() / 1_000_000;
            prop_assert!(next > now && next % 60 == 0);
            let mut minute = (now / 60 + 1) * 60;
            loop {
                let t = jiff::Timestamp::from_second(minute).unwrap().to_zoned(TimeZone::UTC);
                let bit = |v: i8| u32::try_from(v).unwrap();
                if cron.is_day(t.date()) && has(cron.hours, bit(t.hour())) && has(cron.minutes, bit(t.minute())) {
                    break;
                }
                minute += 60;
            }
            prop_assert_eq!(next, minute);
        }
    }
}
