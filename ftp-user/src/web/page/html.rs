//! HTML from templates in which every value is escaped. Only constants of the code go in as they are.

use ftp_proto::wire::show;
use std::fmt::{Display, Write};

/// A part of a page.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Html(String);

/// A value in a template: text, which is escaped and safe also between the double quotes of an attribute, or
/// another part.
pub(crate) trait PageValue {
    /// Adds the value to a page.
    fn add_to(&self, page: &mut Html);
}

impl<T: Display> PageValue for T {
    fn add_to(&self, page: &mut Html) {
        let _ = write!(Escaping(&mut page.0), "{self}");
    }
}

impl PageValue for Html {
    fn add_to(&self, page: &mut Html) {
        page.0.push_str(&self.0);
    }
}

impl Html {
    /// A template of the code, in which each `{}` is the next one of the values. The line breaks of a template and the
    /// blanks behind them are left out.
    pub(crate) fn of(template: &'static str, values: &[&dyn PageValue]) -> Self {
        debug_assert_eq!(template.matches("{}").count(), values.len(), "{template}");
        let (mut page, mut values) = (Self::default(), values.iter().peekable());
        let lines = template.lines().enumerate();
        for line in lines.map(|(number, line)| if number == 0 { line } else { line.trim_start() }) {
            for (at, constant) in line.split("{}").enumerate() {
                if let Some(value) = values.next_if(|_| at > 0) {
                    value.add_to(&mut page);
                }
                page.0.push_str(constant);
            }
        }
        page
    }

    /// A part for each item.
    pub(crate) fn each<T>(items: impl IntoIterator<Item = T>, part: impl Fn(T) -> Self) -> Self {
        Self(items.into_iter().map(|item| part(item).0).collect())
    }

    /// A constant of the code if a condition holds.
    pub(crate) fn when(condition: bool, constant: &'static str) -> Self {
        Self(if condition { constant.to_owned() } else { String::new() })
    }

    /// A table with a row for each item, below this head; what `empty` says if there is none.
    pub(crate) fn table<T>(
        head: &'static str,
        items: &[T],
        row: impl Fn(&T) -> Self,
        empty: &'static str,
    ) -> Self {
        if items.is_empty() {
            return Self::of(r#"<p class="empty">{}</p>"#, &[&Self::of(empty, &[])]);
        }
        let (head, rows) = (Self::of(head, &[]), Self::each(items, row));
        Self::of(r#"<table class="cards">{}<tbody>{}</tbody></table>"#, &[&head, &rows])
    }

    /// A choice of a list.
    pub(crate) fn option(value: &str, name: impl Display, is_chosen: bool) -> Self {
        let selected = Self::when(is_chosen, " selected");
        Self::of(r#"<option value="{}"{}>{}</option>"#, &[&value, &selected, &name])
    }

    /// The whole text.
    pub(crate) fn finish(self) -> String {
        self.0
    }
}

/// Writes text so that it is nothing but text.
struct Escaping<'t>(&'t mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for piece in text.split_inclusive(['\n', '\t']) {
            let shown = piece.trim_end_matches(['\n', '\t']);
            for letter in show(shown.as_bytes()).chars() {
                match letter {
                    '&' => self.0.push_str("&amp;"),
                    '<' => self.0.push_str("&lt;"),
                    '>' => self.0.push_str("&gt;"),
                    '"' => self.0.push_str("&quot;"),
                    '\'' => self.0.push_str("&#39;"),
                    letter => self.0.push(letter),
                }
            }
            self.0.push_str(piece.strip_prefix(shown).unwrap_or_default());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_constants_is_escaped() {
        let name = "<b onclick=\"x('&')\">\u{0}\u{202e}\u{85}\u{115f}\u{e9}\n\t\u{2764}\u{fe0f}";
        let html = Html::of("<p>{}</p>", &[&name]).finish();
        assert_eq!(
            html,
            "<p>&lt;b \
             onclick=&quot;x(&#39;&amp;&#39;)&quot;&gt;%00%E2%80%AE%C2%85%E1%85%9F\u{e9}\n\t\u{2764}\u{fe0f}</p>"
        );
    }
}
