//! The vocabulary: words that names and texts for people do not use, because another word has their
//! meaning (docs/glossary.md).
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a syntax tree has many variants, and a rule is about a few of them"
)]

use super::modules::{attributes, is_for_tests};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use syn::visit::{self, Visit};

/// Words that no name contains, and what to say instead.
const IN_NAMES: [(&str, &str); 11] = [
    ("calmly", "the context for cleanup"),
    ("carrier", "active end, or path"),
    ("climb", "ascent"),
    ("deed", "job or item"),
    ("detour", "path"),
    ("heed", "a verb of the field"),
    ("heeds", "a verb of the field"),
    ("octet", "byte"),
    ("octets", "bytes"),
    ("passage", "path"),
    ("stir", "a verb of the field"),
];

/// Words that are no names by themselves; longer names may contain them (`one_way`, `under_way`).
const AS_NAMES: [(&str, &str); 6] = [
    ("guest", "session"),
    ("problem", "failure"),
    ("shake", "handshake"),
    ("trouble", "failure"),
    ("way", "path or candidate"),
    ("ways", "paths or candidates"),
];

/// Words that are no names of types.
const AS_TYPES: [(&str, &str); 6] = [
    ("load", "item or assignment"),
    ("ran", "attempt"),
    ("told", "report"),
    ("two", "source and destination"),
    ("via", "path"),
    ("went", "attempt"),
];

/// Words that no text for people contains, and what to say instead.
const IN_TEXTS: [(&str, &str); 5] = [
    ("octet", "byte"),
    ("octets", "bytes"),
    ("rung", "path or candidate"),
    ("rungs", "paths or candidates"),
    ("detour", "path"),
];

/// Names and texts of a file that use a word of the lists.
pub(super) fn wrong(file: &str, parsed: &syn::File) -> Vec<String> {
    let mut reader = Reader { file, found: BTreeSet::new() };
    reader.visit_file(parsed);
    reader.found.into_iter().collect()
}

struct Reader<'a> {
    file: &'a str,
    found: BTreeSet<String>,
}

impl Reader<'_> {
    fn name(&mut self, name: &syn::Ident) {
        let text = name.to_string();
        let words = words_of_name(&text);
        let contained = IN_NAMES.iter().filter(|(wrong, _)| words.iter().any(|word| word == wrong));
        let whole = AS_NAMES.iter().filter(|(wrong, _)| words == [*wrong]);
        for (_, better) in contained.chain(whole) {
            self.report(name, better);
        }
    }

    fn type_name(&mut self, name: &syn::Ident) {
        self.name(name);
        let words = words_of_name(&name.to_string());
        for (_, better) in AS_TYPES.iter().filter(|(wrong, _)| words == [*wrong]) {
            self.report(name, better);
        }
    }

    fn report(&mut self, name: &syn::Ident, better: &str) {
        self.found.insert(format!(
            "{}:{}: the name {name}: say {better}",
            self.file,
            name.span().start().line
        ));
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if is_for_tests(attributes(item)) {
            return;
        }
        match item {
            syn::Item::Const(item) => self.name(&item.ident),
            syn::Item::Enum(item) => self.type_name(&item.ident),
            syn::Item::Mod(item) => self.name(&item.ident),
            syn::Item::Static(item) => self.name(&item.ident),
            syn::Item::Struct(item) => self.type_name(&item.ident),
            syn::Item::Trait(item) => self.type_name(&item.ident),
            syn::Item::Type(item) => self.type_name(&item.ident),
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.name(&signature.ident);
        visit::visit_signature(self, signature);
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.type_name(&variant.ident);
        visit::visit_variant(self, variant);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if let Some(name) = &field.ident {
            self.name(name);
        }
        visit::visit_field(self, field);
    }

    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        self.name(&pattern.ident);
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        // Doc comments are prose about the protocol, where RFCs say octet; other attributes hold texts.
        if !attribute.path().is_ident("doc") {
            visit::visit_attribute(self, attribute);
        }
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.text(&text.value(), text.span().start().line);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.tokens(invocation.tokens.clone());
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        self.tokens(list.tokens.clone());
    }
}

impl Reader<'_> {
    /// A text of several words; single words are keys, verbs and values of protocols.
    fn text(&mut self, text: &str, line: usize) {
        let outside = without_placeholders(text);
        if !outside.trim().contains(' ') {
            return;
        }
        for word in outside.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase) {
            if let Some((_, better)) = IN_TEXTS.iter().find(|(wrong, _)| *wrong == word) {
                self.found.insert(format!("{}:{line}: the text {text:?}: say {better}", self.file));
            }
        }
    }

    fn tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Literal(literal) => {
                    let line = literal.span().start().line;
                    if let syn::Lit::Str(text) = syn::Lit::new(literal) {
                        self.text(&text.value(), line);
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }
}

/// A text without its `{name}`s.
fn without_placeholders(text: &str) -> String {
    let mut depth = 0_usize;
    let outside = text.chars().filter(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    });
    outside.collect()
}

/// The words of `snake_case`, `CamelCase` and `UPPER_CASE` names, in lower case.
fn words_of_name(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut after_lower = false;
    for c in name.chars() {
        if c == '_' || c.is_uppercase() && after_lower || words.is_empty() {
            words.push(String::new());
        }
        if c != '_'
            && let Some(last) = words.last_mut()
        {
            last.extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase() || c.is_numeric();
    }
    words
}

#[test]
fn words_are_found_in_names_and_texts_but_not_in_keys_and_tests() {
    let parsed = syn::parse_file(
        r#"
        /// Octets are what RFC 959 calls bytes.
        struct Went { octets: u64, under_way: bool }
        fn climb_on(way: &str) { say!("{octets} octets moved", "rung", octets); }
        const MAX_OCTETS: usize = 1;
        #[cfg(test)]
        mod tests { fn octet() {} }
        "#,
    )
    .unwrap();
    let found = wrong("x.rs", &parsed);
    let names = ["Went", "octets", "climb_on", "way", "MAX_OCTETS"];
    for name in names {
        assert!(
            found.iter().any(|line| line.contains(&format!("the name {name}: say "))),
            "{name}: {found:#?}"
        );
    }
    assert_eq!(found.iter().filter(|line| line.contains("the text")).count(), 1, "{found:#?}");
    assert_eq!(found.len(), names.len() + 1, "{found:#?}");
}

#[test]
fn names_are_taken_apart_in_any_case() {
    for (name, words) in [
        ("max_octets", vec!["max", "octets"]),
        ("MaxOctets", vec!["max", "octets"]),
        ("MAX_OCTETS", vec!["max", "octets"]),
        ("octets", vec!["octets"]),
        ("Crc32Of", vec!["crc32", "of"]),
        ("_x", vec!["x"]),
    ] {
        assert_eq!(words_of_name(name), words, "{name}");
    }
}
