//! Other people's clients do everything that they can with our server.

use integration_tests::beside::beside;
use integration_tests::foreign::roster::{CLIENTS, Client, Mode, Outcome, Setting, Table, Version, trial};
use integration_tests::foreign::{Begin, Skipped, say_skipped};
use integration_tests::skip;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs these, two at a time, and tells `note` what came of each.
fn run(
    trials: &[(&'static Client, Setting)],
    note: impl Fn(&Client, Setting, &Outcome) + Sync,
) -> Vec<String> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            beside(scope, || {
                while let Some((client, setting)) = trials.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let outcome = trial(client, *setting);
                    note(client, *setting, &outcome);
                    match outcome {
                        Ok(Ok(())) => {}
                        Ok(Err(why)) => failed.lock().unwrap().push(why),
                        Err(Skipped(why)) => {
                            say_skipped(format!("{} ({}): {why}", client.name, client.language))
                        }
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

/// For every change: each client that needs little, in clear and in its hardest setting.
#[test]
fn clients_do_what_they_can() {
    const QUICK: [&str; 5] = ["curl.sh", "ftplib.py", "net-ftp.pl", "basic-ftp.js", "lftp.sh"];
    let settings = [
        Setting { tls: None, mode: Mode::Active },
        Setting { tls: Some((Begin::Explicit, Version::Tls12)), mode: Mode::Passive },
        Setting { tls: Some((Begin::Implicit, Version::Tls13)), mode: Mode::Passive },
    ];
    let clients = CLIENTS.iter().filter(|client| QUICK.contains(&client.script));
    let trials: Vec<_> = clients
        .flat_map(|client| settings.map(|setting| (client, setting)))
        .filter(|(client, setting)| client.can_be_in(*setting))
        .collect();
    assert!(trials.len() > 10, "the table has lost its clients");
    let failed = run(&trials, |_, _, _| ());
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// All of them in all settings: `.ci/full clients`.
#[test]
fn every_client_in_every_setting() {
    if std::env::var_os("FOREIGN_CLIENTS").is_none_or(|value| value != "all") {
        skip!("FOREIGN_CLIENTS is not `all`; `.ci/full clients` runs all of them");
    }
    let table = Mutex::new(Table::default());
    let trials: Vec<_> = CLIENTS
        .iter()
        .flat_map(|client| Setting::all().map(move |setting| (client, setting)))
        .filter(|(client, setting)| client.can_be_in(*setting))
        .collect();
    let failed =
        run(&trials, |client, setting, outcome| table.lock().unwrap().note(client, setting, outcome));
    if let Some(page) = std::env::var_os("FOREIGN_PAGE") {
        table.lock().unwrap().write(Path::new(&page));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn every_script_has_a_row_and_every_row_a_script() {
    let scripts = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/clients")).unwrap();
    let scripts: BTreeSet<String> =
        scripts.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let rows: BTreeSet<String> = CLIENTS.iter().map(|client| client.script.to_owned()).collect();
    assert_eq!(scripts, rows);
}
