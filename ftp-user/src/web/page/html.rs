//! HTML in which everything is escaped. Only constants of the code go in as they are.

use std::fmt::{Display, Write};

/// A part of a page.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Html(String);

impl Html {
    /// A part that begins with a constant.
    pub(crate) fn new(constant: &'static str) -> Self {
        Self(constant.to_owned())
    }

    /// Adds a constant of the code as it is.
    pub(crate) fn raw(mut self, constant: &'static str) -> Self {
        self.0.push_str(constant);
        self
    }

    /// Adds a value as text. It is safe also between the double quotes of an attribute.
    pub(crate) fn text(mut self, value: impl Display) -> Self {
        let _ = write!(Escaping(&mut self.0), "{value}");
        self
    }

    /// Adds another part.
    pub(crate) fn add(mut self, part: &Self) -> Self {
        self.0.push_str(&part.0);
        self
    }

    /// Adds a part for each item.
    pub(crate) fn each<T>(self, items: impl IntoIterator<Item = T>, part: impl Fn(Self, T) -> Self) -> Self {
        items.into_iter().fold(self, part)
    }

    /// Adds a part if there is something to show.
    pub(crate) fn some<T>(self, item: Option<T>, part: impl FnOnce(Self, T) -> Self) -> Self {
        match item {
            Some(item) => part(self, item),
            None => self,
        }
    }

    /// Adds a part if a condition holds.
    pub(crate) fn when(self, condition: bool, part: impl FnOnce(Self) -> Self) -> Self {
        if condition { part(self) } else { self }
    }

    /// Adds a choice of a list.
    pub(crate) fn option(self, value: &str, name: impl Display, is_chosen: bool) -> Self {
        let html = self.raw("<option value=\"").text(value).raw("\"");
        html.when(is_chosen, |html| html.raw(" selected")).raw(">").text(name).raw("</option>")
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
pub(crate) fn is_hidden(letter: char) -> bool {
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
        let html = Html::new("<p>").text(name).raw("</p>").finish();
        assert_eq!(
            html,
            "<p>&lt;b \
             onclick=&quot;x(&#39;&amp;&#39;)&quot;&gt;\\u{0}\\u{1b}\\u{202e}\\u{85}\\u{2028}\u{e9}</p>"
        );
    }
}
