//! HTML from templates in which every value is escaped. Only constants of the code go in as they are.

use std::fmt::{Display, Write};

/// A part of a page.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Html(String);

/// A value in a template: text, which is escaped and safe also between the double quotes of an attribute, or
/// another part.
pub(crate) trait Shown {
    /// Adds the value to a page.
    fn add_to(&self, page: &mut Html);
}

impl<T: Display> Shown for T {
    fn add_to(&self, page: &mut Html) {
        let _ = write!(Escaping(&mut page.0), "{self}");
    }
}

impl Shown for Html {
    fn add_to(&self, page: &mut Html) {
        page.0.push_str(&self.0);
    }
}

impl Html {
    /// A template of the code, in which each `{}` is the next one of the values. The line breaks of a template and the
    /// blanks behind them are left out.
    pub(crate) fn of(template: &'static str, values: &[&dyn Shown]) -> Self {
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
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' | '\t' => self.0.push(letter),
                letter if is_hidden(letter) => write!(self.0, "\\u{{{:x}}}", u32::from(letter))?,
                letter => self.0.push(letter),
            }
        }
        Ok(())
    }
}

/// Whether a letter cannot be seen, or changes the order of others: a name with it would look like another
/// name.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_constants_is_escaped() {
        let name = "<b onclick=\"x('&')\">\u{0}\u{1b}\u{202e}\u{85}\u{2028}\u{e9}";
        let html = Html::of("<p>{}</p>", &[&name]).finish();
        assert_eq!(
            html,
            "<p>&lt;b \
             onclick=&quot;x(&#39;&amp;&#39;)&quot;&gt;\\u{0}\\u{1b}\\u{202e}\\u{85}\\u{2028}\u{e9}</p>"
        );
    }
}
