//! Every statement of docs/protocol/conformance.md and docs/protocol/relay.md that this suite keeps has
//! a test or a fixture with its id in the name.

use super::source::{read, texts};
use std::collections::BTreeSet;

/// The statements that hold now. What is missing here is listed in docs/status.md.
const KEPT: &str = "
A01 A02 A03 A04 A05 A06 A07 A08 A09 A10 A11 A12 A13 A14 A15 A16 A17 A18 A19 A20 A21 A22 A23 A24
B01 B02 B03 B04 B05 B06 B07 B08 B09 B10 B11 B12 B13 B14 B15 B16 B17 B18 B19 B20 B21 B22 B23 B24
C01 C02 C03 C04 C05 C06 C07 C08 C09 C10 C11 C12 C13 C14 C15 C16 C17 C18 C19 C20 C21 C22 C23 C24 C25 C26 C27 C28
D01 D02 D03 D04 D05 D06 D07 D08 D09 D10 D11 D12 D13 D14 D15 D16 D17 D18 D19 D20
E01 E02 E03 E04 E05 E06 E07 E08 E09 E10 E11 E12 E13 E14 E15 E16 E17 E18 E19 E20 E21 E22 E24
F01 F02 F03 F04 F05 F06 F07 F08 F09 F10 F11 F12 F13
G01 G02 G03 G04 G05
H01 H02 H03 H04 H05 H06 H07 H08 H09 H10 H11 H12 H13 H14 H15 H16 H17 H18 H19 H20 H21 H22 H23 H24 H25 H31 H32 H33 H34 H35 H36 H37 H38
I01 I02 I03 I04 I05 I07 I09 I11 I12 I13 I14
J01 J02 J03
";

/// Those of the relay.
const RELAYED: &str = "
R01 R02 R03 R04 R05 R06 R07 R08 R09 R10 R11 R12 R13 R14 R15 R16 R17 R18 R19 R20 R21 R22 R23 R24 R25 R26 R27 R28 R29
R30 R31 R32 R33 R34 R36 R37 R39 R40 R41 R42 R43 R44 R45 R47 R48 R50 R51 R52 R55
";

/// The ids in the names of all tests and fixtures.
fn named() -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut note = |name: &str| {
        for word in name.split(['_', '-', '.']) {
            let (letter, digits) = word.split_at_checked(1).unwrap_or_default();
            if digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit()) {
                ids.insert(format!("{}{digits}", letter.to_uppercase()));
            }
        }
    };
    for (path, text) in texts() {
        if let Some(fixture) = path.split("fixtures/transcripts/").nth(1) {
            note(fixture);
        }
        let mut lines = text.lines().filter(|_| path.ends_with(".rs"));
        while let Some(line) = lines.next() {
            if line.trim() == "#[test]" || line.trim().starts_with("#[tokio::test") {
                let name = lines.find_map(|line| {
                    let line = line.trim_start();
                    line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")
                });
                let name = name.unwrap_or_default();
                note(name.split('(').next().unwrap_or_default());
            }
        }
    }
    ids
}

#[test]
fn every_kept_statement_has_a_test_with_its_id() {
    let named = named();
    let kept = KEPT.split_whitespace().chain(RELAYED.split_whitespace());
    let missing: Vec<&str> = kept.filter(|id| !named.contains(*id)).collect();
    assert!(missing.is_empty(), "no test and no fixture is named after {}", missing.join(" "));
}

#[test]
fn every_kept_statement_is_written_down() {
    for (kept, page) in [(KEPT, "docs/protocol/conformance.md"), (RELAYED, "docs/protocol/relay.md")] {
        let statements = read(page);
        let missing: Vec<&str> =
            kept.split_whitespace().filter(|id| !statements.contains(&format!("{id} "))).collect();
        assert!(missing.is_empty(), "not in {page}: {}", missing.join(" "));
    }
}
