//! Where passwords come from, and whom they serve.

use super::super::tests::words;
use super::*;
use crate::place::Names;
use crate::place::tests::remote;
use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::PermissionsExt;

async fn found(file: Option<PathBuf>, variable: Option<&str>, places: &str) -> Result<Vec<String>> {
    let passwords = Passwords::new(file, variable.map(OsStr::new), Cancel::never());
    let places = words(places);
    let locations = passwords.locations(&mut Context::for_tests(Cancel::never()), &places).await?;
    Ok(locations.iter().map(password).collect())
}

fn password(location: &Location) -> String {
    match &location.place {
        Place::Remote(remote) => {
            let password = remote.site.password.as_ref().map_or(&b"-"[..], Secret::expose);
            String::from_utf8_lossy(password).into_owned()
        }
        Place::Local(_) => "local".to_owned(),
    }
}

#[tokio::test]
async fn the_one_server_that_lacks_a_password_gets_it() {
    let check = async |places: &str, expect: &[&str]| {
        assert_eq!(found(None, Some("s3cret"), places).await.unwrap(), expect, "{places}");
    };
    check("ftp://ann@h/a ./b", &["s3cret", "local"]).await;
    check("ftp://ann@h/a ftp://bob:own@i/b", &["s3cret", "own"]).await;
    check("ftp://ann@h/a ftp://ann@H:21/b", &["s3cret", "s3cret"]).await;
    check("ftp://ann@h/a ftp://i/b", &["s3cret", "-"]).await;
    check("ftp://ann:@h/a ./b", &["", "local"]).await;
}

#[tokio::test]
async fn two_servers_that_lack_a_password_are_a_usage_error() {
    for places in ["ftp://ann@h/a ftp://ann@i/b", "ftp://ann@h/a ftp://bob@h/b"] {
        let failure = found(None, Some("s3cret"), places).await.unwrap_err();
        assert_eq!(failure.kind, Kind::Usage, "{failure}");
        let words = failure.to_string();
        assert!(words.contains(VARIABLE) && words.contains("ann@h") && !words.contains("s3cret"), "{words}");
    }
}

#[tokio::test]
async fn a_job_that_is_shown_or_given_up_needs_the_password_of_its_destination_alone() {
    for (order, places, expect) in [
        (
            Order::DestinationLast,
            "ftp://ann:own@h/a ftp://g/b ftp://ann@i/b",
            Some(["own", "-", "s3cret"].as_slice()),
        ),
        (
            Order::Pairs,
            "ftp://ann:own@h/a ftp://ann@i/b ./c ftp://ann@i/d",
            Some(&["own", "s3cret", "local", "s3cret"]),
        ),
        (Order::Pairs, "ftp://ann@h/a ./b", Some(&["-", "local"])),
        // It may be that of the source.
        (Order::DestinationLast, "ftp://ann@h/a ftp://ann@i/b", None),
        (Order::Pairs, "ftp://ann@h/a ftp://ann:own@i/b ./c ftp://ann@i/d", None),
    ] {
        let passwords = Passwords::new(None, Some(OsStr::new("s3cret")), Cancel::never());
        let passwords = Passwords { only_destination: true, ..passwords };
        let places = words(places);
        let mut context = Context::for_tests(Cancel::never());
        let found =
            passwords.complete(&mut context, locations(&places, &Names::default()).unwrap(), order).await;
        let Some(expect) = expect else {
            assert_eq!(found.unwrap_err().kind, Kind::Usage, "{places:?}");
            continue;
        };
        assert_eq!(found.unwrap().iter().map(password).collect::<Vec<_>>(), expect, "{places:?}");
    }
}

#[tokio::test]
async fn what_was_answered_once_is_not_asked_again() {
    let answers = Answers::default();
    let places: Vec<OsString> = ["ftp://ann@h/a", "ftp://bob@h/b"].map(OsString::from).to_vec();
    let [first, second]: [Location; 2] = locations(&places, &Names::default()).unwrap().try_into().unwrap();
    let site = |location: &Location| lacking([location]).remove(0);
    answers.note(&site(&first), Some(Secret::new("s3cret")));
    // A server without a password is not asked for twice either.
    answers.note(&site(&second), None);
    let passwords = Passwords { answers: answers.clone(), ..Passwords::new(None, None, Cancel::never()) };
    let mut context = Context::for_tests(Cancel::never());
    let found = passwords.locations(&mut context, &places).await.unwrap();
    assert_eq!(found.iter().map(password).collect::<Vec<_>>(), ["s3cret", "-"]);
    let lines: Vec<String> = context.run.sites_without_password.iter().filter_map(Site::netrc_line).collect();
    assert_eq!(lines, ["machine h login bob password ..."]);
    assert_eq!(answers.0.locked().len(), 2);
}

#[tokio::test]
async fn two_sites_of_one_login_have_each_its_own_password() {
    let settings = "[sites.one]\nurl = \"ftp://ann@h/\"\npassword-command = [\"echo\", \"good\"]\n\
                    [sites.two]\nurl = \"ftp://ann@h/\"\npassword-command = [\"echo\", \"bad\"]\n";
    for (places, expect) in [("one:a two:b", ["good", "bad"]), ("two:b one:a", ["bad", "good"])] {
        let mut context = Context::for_tests(Cancel::never());
        context.settings.named =
            crate::config::parse(settings, Path::new("config.toml"), None).unwrap().sites;
        let places = words(places);
        let passwords = Passwords::new(None, None, Cancel::never());
        let found = passwords.locations(&mut context, &places).await.unwrap();
        assert_eq!(found.iter().map(password).collect::<Vec<_>>(), expect, "{places:?}");
    }
}

#[tokio::test]
async fn a_password_file_is_private_has_one_line_and_comes_before_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("password");
    let check = async |bytes: &[u8], mode: u32, expect: Result<&str, &str>| {
        write(&path, bytes).unwrap();
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        match (found(Some(path.clone()), Some("other"), "ftp://ann@h/a").await, expect) {
            (Ok(found), Ok(expect)) => assert_eq!(found, [expect]),
            (Err(failure), Err(expect)) => {
                assert_eq!(failure.kind, Kind::Usage, "{failure}");
                let words = failure.to_string();
                assert!(words.contains(expect) && !words.contains("s3cret"), "{words}");
            }
            (found, expect) => panic!("{found:?}, not {expect:?}"),
        }
    };
    check(b"s3cret\n", 0o600, Ok("s3cret")).await;
    check(b" s3 cret ", 0o400, Ok(" s3 cret ")).await;
    check(b"s3cret\r\n", 0o600, Ok("s3cret")).await;
    check(b"s3cret\n", 0o640, Err("chmod 600")).await;
    check(b"s3cret\nmore\n", 0o600, Err("one line")).await;
    check(b"\n", 0o600, Err("is empty")).await;
    std::fs::remove_file(&path).unwrap();
    for unusable in [path.clone(), directory.path().to_path_buf()] {
        let failure = found(Some(unusable), None, "ftp://ann@h/a").await.unwrap_err();
        assert_eq!(failure.kind, Kind::Usage, "{failure}");
    }
    // Another command has named the file, and here no server lacks a password.
    assert!(found(Some(path.clone()), None, "ftp://ann:own@h/a").await.is_ok());
    for place in ["ftp://ann:own@h/a", "ftp://h/a", "./a"] {
        let passwords = Passwords::new(Some(path.clone()), None, Cancel::never());
        let passwords = Passwords { is_typed: true, ..passwords };
        let mut context = Context::for_tests(Cancel::never());
        let failure = passwords.locations(&mut context, &[place.into()]).await.unwrap_err();
        assert_eq!(failure.kind, Kind::Usage, "{place}: {failure}");
    }
}

async fn said_by_program(line: &str) -> Result<String> {
    let site = remote("ftp://ann@h/").site;
    let words = ["/bin/sh", "-c", line].map(str::to_owned).to_vec();
    let source = PasswordSource::Command(words);
    let found = super::password(&source, &site, &Cancel::never()).await?;
    Ok(String::from_utf8_lossy(found.expose()).into_owned())
}

#[tokio::test]
async fn the_first_line_of_a_program_is_the_password() {
    for (line, expect) in [
        ("echo s3cret", "s3cret"),
        ("printf ' s3 cret \\r\\nurl: x\\n'", " s3 cret "),
        ("printf s3cret", "s3cret"),
    ] {
        assert_eq!(said_by_program(line).await.as_deref(), Ok(expect), "{line}");
    }
}

#[tokio::test]
async fn a_program_that_fails_is_told_without_what_it_wrote() {
    for (line, expect) in [
        ("echo s3cret; exit 3", "exit status: 3"),
        ("true", "is empty"),
        ("exec /no/such/program s3cret", "ended with"),
    ] {
        let failure = said_by_program(line).await.unwrap_err();
        assert_eq!(failure.kind, Kind::Refused, "{failure}");
        let said = failure.to_string();
        assert!(said.contains(expect) && !said.contains("s3cret"), "{line}: {said}");
    }
}
