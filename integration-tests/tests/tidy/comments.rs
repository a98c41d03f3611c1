//! Doc comments say something: at least three words, and who it is that they speak of.

use super::modules::{attributes, is_for_tests};
use syn::visit::{self, Visit};

/// The fewest words of a doc comment.
const WORDS: usize = 3;

/// Words that leave open who is meant, and what to say instead.
const VAGUE: [(&str, &str); 2] = [
    ("nobody", "which party does not, or that it is not done (\"is not counted\")"),
    ("whoever", "the party: the client, the account, the owner, the driver"),
];

/// Doc comments of a file that are too short to say anything.
pub(super) fn too_short(file: &str, parsed: &syn::File) -> Vec<String> {
    let wrong = |text: &str| (text.split_whitespace().count() < WORDS).then(String::new);
    let mut reader = Reader { file, wrong, found: Vec::new() };
    reader.visit_file(parsed);
    reader.found
}

/// Doc comments of a file with a word of [`VAGUE`].
pub(super) fn vague(file: &str, parsed: &syn::File) -> Vec<String> {
    let mut reader = Reader { file, wrong: vague_word, found: Vec::new() };
    reader.check(&parsed.attrs);
    reader.visit_file(parsed);
    reader.found
}

fn vague_word(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    words.find_map(|word| {
        let (wrong, better) = VAGUE.iter().find(|(wrong, _)| *wrong == word)?;
        Some(format!(" has {wrong:?}: say {better}"))
    })
}

struct Reader<'a> {
    file: &'a str,
    /// What is wrong with a text, if anything is.
    wrong: fn(&str) -> Option<String>,
    found: Vec<String>,
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if is_for_tests(attributes(item)) {
            return;
        }
        self.check(attributes(item));
        visit::visit_item(self, item);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        self.check(&field.attrs);
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.check(&variant.attrs);
        visit::visit_variant(self, variant);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.check(&function.attrs);
    }

    fn visit_impl_item_const(&mut self, constant: &'ast syn::ImplItemConst) {
        self.check(&constant.attrs);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        self.check(&function.attrs);
    }
}

impl Reader<'_> {
    fn check(&mut self, attributes: &[syn::Attribute]) {
        let docs: Vec<(usize, String)> = attributes.iter().filter_map(doc).collect();
        let Some((line, _)) = docs.first() else { return };
        let text: Vec<&str> = docs.iter().map(|(_, text)| text.trim()).collect();
        let text = text.join(" ");
        if let Some(why) = (self.wrong)(&text) {
            self.found.push(format!("{}:{line}: {text:?}{why}", self.file));
        }
    }
}

/// The line and the text of `/// text`.
fn doc(attribute: &syn::Attribute) -> Option<(usize, String)> {
    let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value else { return None };
    pair.path.is_ident("doc").then(|| (text.span().start().line, text.value()))
}

#[test]
fn comments_of_one_or_two_words_are_found() {
    let parsed = syn::parse_file(
        r#"
        //! Short file.

        /// The port.
        pub struct Port {
            /// Number.
            pub number: u16,
            /// The number
            /// of tries.
            pub tries: u16,
            pub silent: u16,
        }
        impl Port {
            /// A new one.
            fn new() {}
            /// Opens it.
            fn open() {}
        }
        #[cfg(test)]
        /// Short.
        fn helper() {}
        "#,
    )
    .unwrap();
    let found = too_short("x.rs", &parsed);
    assert_eq!(found, ["x.rs:4: \"The port.\"", "x.rs:6: \"Number.\"", "x.rs:16: \"Opens it.\""]);
}

#[test]
fn comments_that_leave_open_who_is_meant_are_found() {
    let parsed = syn::parse_file(
        r#"
        //! A file that nobody reads.

        /// Whoever holds most gives way.
        pub struct Place;
        /// The owner that holds most gives way.
        pub struct Owner;
        "#,
    )
    .unwrap();
    let found = vague("x.rs", &parsed);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("nobody") && found[1].contains("whoever"), "{found:#?}");
}
