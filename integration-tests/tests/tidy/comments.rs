//! Doc comments say something: at least three words.

use super::modules::{attributes, is_for_tests};
use syn::visit::{self, Visit};

/// The fewest words of a doc comment.
const WORDS: usize = 3;

/// Doc comments of a file that are too short to say anything.
pub(super) fn too_short(file: &str, parsed: &syn::File) -> Vec<String> {
    let mut reader = Reader { file, found: Vec::new() };
    reader.visit_file(parsed);
    reader.found
}

struct Reader<'a> {
    file: &'a str,
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
        if text.split_whitespace().count() < WORDS {
            self.found.push(format!("{}:{line}: {text:?}", self.file));
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
