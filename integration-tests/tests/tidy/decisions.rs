//! Law 3: nothing imports `cli`, and nothing is decided by an exit code or by a text.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a syntax tree has many variants, and a rule is about a few of them"
)]

use super::modules::{Package, attributes, is_for_tests, tree};
use syn::visit::{self, Visit};

/// Folders that start a program: its own, and the one that the programs share.
const SHELLS: [&str; 2] = ["cli", "program"];

/// Uses of `cli` and of exit codes outside the shells and the root, which starts the program.
pub(super) fn exits(package: &Package) -> Vec<String> {
    let outside = |module: &[String]| module.first().is_some_and(|folder| !SHELLS.contains(&folder.as_str()));
    let uses = package
        .uses()
        .into_iter()
        .filter(|one| outside(&one.from) && one.to.first().is_some_and(|to| to == "cli"));
    let uses = uses.map(|one| format!("{}: uses cli", one.place));
    let exits = package.mentions().filter(|(module, path, _)| {
        outside(module) && path.iter().any(|name| matches!(name.as_str(), "Exit" | "ExitCode"))
    });
    uses.chain(exits.map(|(_, path, place)| format!("{place}: {}", path.join("::")))).collect()
}

/// Conditions on the text of a value: `error.to_string().contains("...")` and the like.
pub(super) fn on_texts(file: &str, parsed: &syn::File) -> Vec<String> {
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
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let asks = ["contains", "starts_with", "ends_with", "eq"].iter().any(|name| call.method == name);
        if asks && is_told(&call.receiver) {
            self.found.push(format!(
                "{}:{}: .{}() of a text",
                self.file,
                call.method.span().start().line,
                call.method
            ));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        if matches!(binary.op, syn::BinOp::Eq(_) | syn::BinOp::Ne(_))
            && (is_told(&binary.left) || is_told(&binary.right))
        {
            self.found.push(format!("{}: a text is compared", self.file));
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_match(&mut self, expression: &'ast syn::ExprMatch) {
        if is_told(&expression.expr) {
            self.found.push(format!("{}: match on a text", self.file));
        }
        visit::visit_expr_match(self, expression);
    }
}

/// Whether an expression is what a value says about itself: `value.to_string()`, perhaps changed further.
fn is_told(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::MethodCall(call) => {
            (call.method == "to_string" && call.args.is_empty()) || is_told(&call.receiver)
        }
        syn::Expr::Reference(reference) => is_told(&reference.expr),
        syn::Expr::Paren(paren) => is_told(&paren.expr),
        syn::Expr::Macro(call) => call.mac.path.is_ident("format"),
        _ => false,
    }
}

#[test]
fn exit_codes_belong_to_cli_and_the_root() {
    let package = tree(&[
        ("lib.rs", "mod cli; mod job; use cli::Exit; fn run() -> Exit { Exit::Done }"),
        ("cli/mod.rs", "pub enum Exit { Done }"),
        ("job.rs", "use crate::cli::Exit;\nfn job() { finish(Exit::Done) }"),
    ]);
    let found = exits(&package);
    assert_eq!(
        found,
        [
            "src/job.rs:1: uses cli",
            "src/job.rs:2: uses cli",
            "src/job.rs:1: crate::cli::Exit",
            "src/job.rs:2: Exit::Done"
        ]
    );
}

#[test]
fn conditions_on_texts_are_found() {
    let check = |expression: &str, expected: usize| {
        let parsed = syn::parse_file(&format!("fn f() {{ let _ = {expression}; }}")).unwrap();
        assert_eq!(on_texts("x.rs", &parsed).len(), expected, "{expression}");
    };
    check("error.to_string().contains(\"refused\")", 1);
    check("error.to_string().to_lowercase().starts_with(\"refused\")", 1);
    check("error.to_string() == \"refused\"", 1);
    check("match error.to_string().as_str() { \"refused\" => 1, _ => 2 }", 1);
    check("format!(\"{error}\") != \"refused\"", 1);
    check("name.contains('/')", 0);
    check("names.contains(&name.to_string())", 0);
    check("error.kind() == Kind::Refused", 0);
}
