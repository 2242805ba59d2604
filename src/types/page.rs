//! Pages of a list: how many, from where, and where the next one begins.

use super::ParseError;

/// How many items a list answers at most: 1 to 500, 50 unless told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u16);

impl Limit {
    /// The most one page holds.
    pub const MAX: u16 = 500;

    /// Reads a limit.
    ///
    /// # Errors
    /// Zero or more than 500.
    pub fn parse(n: u32) -> Result<Self, ParseError> {
        match u16::try_from(n) {
            Ok(n) if (1..=Self::MAX).contains(&n) => Ok(Self(n)),
            _ => Err(ParseError::new("limit", "must be 1 to 500")),
        }
    }

    /// As a number of rows.
    pub fn rows(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

/// Where a page begins: the sort key of the last row of the page before, opaque to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    const MAX_LEN: usize = 2_048;

    /// A cursor that stands behind the row with this sort key.
    pub fn after(key: &str) -> Self {
        Self(key.to_owned())
    }

    /// The sort key it stands behind.
    pub fn key(&self) -> &str {
        &self.0
    }

    /// The text for clients.
    pub fn encode(&self) -> String {
        data_encoding::BASE64URL_NOPAD.encode(self.0.as_bytes())
    }

    /// Reads what [`Cursor::encode`] wrote.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new("cursor", "take it from next_cursor of the page before");
        if text.len() > Self::MAX_LEN {
            return Err(wrong());
        }
        let bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| wrong())?;
        String::from_utf8(bytes).map(Self).map_err(|_| wrong())
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, in order.
    pub items: Vec<T>,
    /// Where the next page begins; none at the end.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Cuts `rows`, of which one more than `limit` was asked for, to a page; `key` is a row's sort key.
    pub fn cut(mut rows: Vec<T>, limit: Limit, key: impl Fn(&T) -> String) -> Self {
        let more = rows.len() > limit.rows();
        rows.truncate(limit.rows());
        let next = if more { rows.last().map(|row| Cursor::after(&key(row))) } else { None };
        Self { items: rows, next }
    }

    /// The same page with each item turned into something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cursors_read_back(key in ".{0,80}") {
            let cursor = Cursor::after(&key);
            prop_assert_eq!(Cursor::parse(&cursor.encode()), Ok(cursor));
        }

        #[test]
        fn any_text_is_a_cursor_or_an_error(text in ".{0,80}") {
            let _ = Cursor::parse(&text);
        }
    }

    #[test]
    fn the_last_page_has_no_next() {
        let limit = Limit::parse(2).expect("valid");
        assert_eq!(Page::cut(vec![1, 2], limit, ToString::to_string).next, None);
        assert_eq!(Page::cut(vec![1, 2, 3], limit, ToString::to_string).next, Some(Cursor::after("2")));
        assert!(Limit::parse(0).is_err() && Limit::parse(501).is_err());
    }
}
