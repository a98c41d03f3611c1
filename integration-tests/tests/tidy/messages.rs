//! The page of messages: every heading is what a program prints. And the page about the library: its code is in the
//! examples that every change compiles.

use super::source;
use integration_tests::binary::Program;
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeMap;

const MESSAGES: &str = "docs/guide/troubleshooting.md";
const LIBRARY: &str = "docs/guide/link-ftp-proto.md";
const EXAMPLE: &str = "ftp-proto/examples/third_party_std.rs";

/// The sources of the programs on one line each, without the breaks inside long texts.
fn programs() -> String {
    let ours = ["ftp-user/src", "ftp-server/src", "ftp-relay-agent/src", "ftp-proto/"];
    let files =
        source::sources().into_iter().filter(|file| ours.iter().any(|ours| file.path.starts_with(ours)));
    files.map(|file| joined(&file.code).replace("{FtpUser}", "ftp-user")).collect()
}

/// Lines of code as one text; a backslash at the end of a line ends nothing.
fn joined(code: &[(usize, String)]) -> String {
    let mut text = String::new();
    for (_, line) in code {
        match line.strip_suffix('\\') {
            Some(open) => text.push_str(open.trim_start()),
            None => {
                text.push_str(line.trim_start());
                text.push('\n');
            }
        }
    }
    text
}

/// The messages of the page, with their lines: the code of its headings.
fn messages(page: &str) -> Vec<(usize, &str)> {
    let headings =
        (1..).zip(page.lines()).filter_map(|(number, line)| Some((number, line.strip_prefix("### ")?)));
    headings.map(|(number, heading)| (number, heading.trim_matches('`'))).collect()
}

/// The parts of a message that no program prints, in any place.
fn unknown<'a>(message: &'a str, programs: &str) -> Vec<&'a str> {
    let parts = message.split('…').map(str::trim).filter(|part| part.len() > 3);
    parts.filter(|part| !programs.contains(part.trim_end_matches(':'))).collect()
}

#[test]
fn every_message_of_the_page_is_printed_by_a_program() {
    let (page, programs) = (source::read(MESSAGES), programs());
    let messages = messages(&page);
    assert!(messages.len() > 15, "only {} messages were found", messages.len());
    let wrong: Vec<String> = messages
        .iter()
        .flat_map(|(number, message)| {
            let unknown = unknown(message, &programs);
            unknown.into_iter().map(move |part| format!("{MESSAGES}:{number}: nobody prints {part:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The commands of one program that a text names, as words; each ends with the clause in which it stands.
fn commands(text: &str, program: &str) -> Vec<Vec<String>> {
    let ends = |letter: char| matches!(letter, '"' | '\n' | '\\' | ';' | ',' | ')' | '`' | '|' | '>');
    let words = |rest: &str| {
        rest.split(ends).next().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    text.split(&format!("{program} ")).skip(1).map(words).collect()
}

/// Whether a page has this word, and not only one that begins with it.
fn has_word(page: &str, word: &str) -> bool {
    let ends = |letter: char| !letter.is_alphanumeric() && letter != '-';
    page.split(ends).any(|found| found == word.split('=').next().unwrap_or(word))
}

#[test]
fn each_command_that_a_text_of_a_program_names_has_the_options_that_are_named() {
    let programs = programs();
    // What every verb takes is on a page of its own.
    let shared = Program::User.command().args(["help", "options"]).output().unwrap();
    let shared = String::from_utf8(shared.stdout).unwrap();
    let (mut pages, mut options) = (BTreeMap::new(), 0);
    for program in [Program::User, Program::Server, Program::RelayAgent] {
        let path = program.path();
        for words in commands(&programs, path.file_name().unwrap().to_str().unwrap()) {
            let verbs: Vec<_> = words
                .iter()
                .take(if words.first().is_some_and(|verb| verb == "sites" || verb == "daemon") {
                    2
                } else {
                    1
                })
                .cloned()
                .collect();
            let page = pages.entry((path.clone(), verbs.clone())).or_insert_with(|| {
                let page = program.command().args(&verbs).arg("--help").output().unwrap();
                // Other words behind the name are no command.
                page.status.success().then(|| String::from_utf8(page.stdout).unwrap())
            });
            let Some(page) = page else { continue };
            for option in words.iter().filter(|word| word.starts_with("--") && !word.contains('{')) {
                options += 1;
                assert!([page, &shared].iter().any(|page| has_word(page, option)), "{option} of {words:?}");
            }
        }
    }
    assert!(options > 30, "only {options} options were found");
}

#[test]
fn each_command_with_arguments_that_a_message_names_is_typed_by_a_test() {
    let tested = source::read("integration-tests/tests/remedies.rs");
    let programs = programs();
    let found =
        ["ftp-user", "ftp-server", "ftp-relay-agent"].map(|program| commands(&programs, program)).concat();
    let verbs = ["resume", "retry", "cancel", "sites", "run", "join", "token"];
    let is_filled = |words: &Vec<String>| {
        words.first().is_some_and(|verb| verbs.contains(&verb.as_str()))
            && words.iter().any(|word| word.contains('{'))
    };
    let found: Vec<String> = found.into_iter().filter(is_filled).map(|words| words.join(" ")).collect();
    let missing: Vec<&String> = found
        .iter()
        .filter(|command| {
            !tested.lines().any(|line| line.starts_with("//") && line.ends_with(&format!(" `{command}`")))
        })
        .collect();
    assert!(found.len() > 10 && missing.is_empty(), "{missing:#?}");
}

/// The texts in a piece of code.
fn texts(code: TokenStream) -> Vec<String> {
    let of_token = |token| match token {
        TokenTree::Group(group) => texts(group.stream()),
        TokenTree::Literal(literal) => {
            let syn::Lit::Str(text) = syn::Lit::new(literal) else { return Vec::new() };
            vec![text.value()]
        }
        TokenTree::Ident(_) | TokenTree::Punct(_) => Vec::new(),
    };
    code.into_iter().flat_map(of_token).collect()
}

/// The length of a text without the names that are put in.
fn length(text: &str) -> usize {
    let behind = |part: &str| part.split_once('}').map_or(part.len(), |(_, behind)| behind.len());
    text.split('{').enumerate().map(|(at, part)| if at == 0 { part.len() } else { behind(part) }).sum()
}

/// A line has what failed, who said what, and what to do. The runner of `ftp-user` looks at the lines that tests see.
#[test]
fn no_part_of_a_message_is_longer_than_two_thirds_of_a_line() {
    let is_page = |path: &str| path.contains("/journal/") || path.contains("/cli/generate");
    let files = source::sources().into_iter();
    let mut found = 0;
    for file in files.filter(|file| file.path.starts_with("ftp-user/src") && !is_page(&file.path)) {
        let code: String = file.code.iter().map(|(_, line)| format!("{line}\n")).collect();
        for text in texts(code.parse().unwrap()) {
            found += 1;
            assert!(
                length(&text) <= 160 || text.contains('\n'),
                "{}: {} characters: {text}",
                file.path,
                length(&text)
            );
        }
    }
    assert!(found > 2000, "only {found} texts were found");
}

#[test]
fn messages_name_the_commands_of_jobs_and_sites_with_the_options_that_were_typed() {
    let examples = ["ftp-user/src/cli/help.rs", "ftp-user/src/cli/generate.rs"];
    let wrong: Vec<String> = source::sources()
        .into_iter()
        .filter(|file| file.path.starts_with("ftp-user/src") && !examples.contains(&file.path.as_str()))
        .flat_map(|file| commands(&joined(&file.code), "ftp-user"))
        .filter(|words| words.first().is_some_and(|verb| OF_STATE.contains(&verb.as_str())))
        .map(|words| words.join(" "))
        .collect();
    assert!(wrong.is_empty(), "write {{FtpUser}} for ftp-user: {wrong:#?}");
}

/// The verbs of jobs and sites.
const OF_STATE: [&str; 6] = ["resume", "retry", "cancel", "jobs", "why", "sites"];

#[test]
fn a_message_that_nobody_prints_is_noticed() {
    let programs =
        joined(&[(1, "format!(\"cannot reach {} \\".to_owned()), (2, "    in time\");".to_owned())]);
    assert_eq!(unknown("cannot reach … in time", &programs), Vec::<&str>::new());
    assert_eq!(unknown("cannot reach … any more", &programs), ["any more"]);
    assert_eq!(messages("# A\n### `b … c`\ntext\n"), [(2, "b … c")]);
}

#[test]
fn the_code_of_the_page_about_the_library_is_compiled() {
    let (page, example) = (source::read(LIBRARY), source::read(EXAMPLE));
    let blocks: Vec<&str> =
        page.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty(), "{LIBRARY} has no code");
    for block in blocks {
        assert!(example.contains(block), "{LIBRARY}: this is not in {EXAMPLE}:\n{block}");
    }
}
