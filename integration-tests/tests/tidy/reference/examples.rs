//! Every command line of our programs that stands in a document can be typed: clap accepts it.

use super::super::source;
use super::programs;

/// The command lines of the code blocks of a document: line numbers and words. In a block of text, which
/// also shows what a program prints, they begin with a prompt.
fn command_lines(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut fence = None;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language) };
            continue;
        }
        let typed = match fence {
            Some("text") => line.strip_prefix("$ "),
            Some(_) => Some(line.trim_start()),
            None => line.strip_prefix("    ").map(str::trim_start),
        };
        found.extend(typed.map(commands).unwrap_or_default().into_iter().map(|words| (number, words)));
    }
    found
}

/// The commands of one line of a shell, as far as documents use its grammar: quotes, `&&`, `|`, `>`, `#`.
pub(super) fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut words = shell_words(line).into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "&&" | "|" | "&" | ";" => commands.push(Vec::new()),
            ">" | "<" | "2>" => drop(words.next()),
            _ if word.starts_with('#') => break,
            _ => commands.last_mut().unwrap().push(word),
        }
    }
    let ours = |words: &[String]| {
        let name = words.first().and_then(|word| word.rsplit('/').next());
        name.is_some_and(|name| programs().iter().any(|program| program.get_name() == name))
    };
    // A line that only names the program, or continues with prose, is no command.
    commands.retain(|words| ours(words) && words.len() > 1);
    commands
}

fn shell_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn every_command_line_of_the_documents_is_accepted() {
    let mut seen = 0;
    let mut refused = Vec::new();
    for (path, text) in source::texts().into_iter().filter(|(path, _)| path.ends_with(".md")) {
        if path.starts_with("docs/reference/") && text.contains(super::page::MARK) {
            continue; // made of the same source
        }
        for (number, words) in command_lines(&text) {
            seen += 1;
            let name = words[0].rsplit('/').next().unwrap_or_default();
            let program = programs().into_iter().find(|program| program.get_name() == name).unwrap();
            // A variable of the shell stands for letters and digits.
            let words: Vec<String> = words.iter().map(|word| word.replace('$', "s")).collect();
            if let Err(error) = program.try_get_matches_from(&words)
                && error.use_stderr()
            {
                refused.push(format!("{path}:{number}: {}: {error}", words.join(" ")));
            }
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(seen > 3, "only {seen} command lines were found: does this test still see the documents?");
}

#[test]
fn command_lines_are_found_where_documents_show_them() {
    let text = "ftp-user is a program\n\n    ftp-user ls 'a b' > out && ftp-server --root / # why\n```sh\n\
                target/release/ftp-user cat x | wc -l\n```\nftp-user nothing\n    ftp-user\n```text\n\
                $ ftp-user ls c\nftp-user 1.0\n```\n";
    let found: Vec<(usize, String)> =
        command_lines(text).into_iter().map(|(number, words)| (number, words.join(","))).collect();
    let expect = [
        (3, "ftp-user,ls,a b"),
        (3, "ftp-server,--root,/"),
        (5, "target/release/ftp-user,cat,x"),
        (10, "ftp-user,ls,c"),
    ];
    assert_eq!(found, expect.map(|(number, words)| (number, words.to_owned())));
}
