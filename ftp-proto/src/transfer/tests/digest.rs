//! DGST: each end that knows it computes the digest while the file moves.

use super::*;

/// A case in which SHA-256 is wanted and these ends list these features.
fn wanted(source: &str, destination: &str) -> Case {
    case(party(SITE1, source), party(SITE2, destination))
        .with(|transfer, _| transfer.digest = Some(Algorithm::Sha256))
}

const OPENED: &str = "
    dst: PASV
    dst< 227 (192,0,2,2,156,66)
    src: PORT 192,0,2,2,156,66
    src< 200 ok
    src: RETR a";

#[test]
fn h22_each_end_that_knows_dgst_is_asked_to_compute_while_the_file_moves() {
    wanted("DGST", "DGST").play(&format!(
        "dst: TYPE I
         src: TYPE I
         dst< 200 image
         dst: DGST SHA-256
         src< 200 image
         src: DGST SHA-256
         src< 200 SHA-256
         dst< 200 SHA-256
         {OPENED}"
    ));
    // The other end computes it afterwards (HASH).
    wanted("", "DGST").play(&format!(
        "{TYPE}
         dst: DGST SHA-256
         dst< 200 SHA-256
         {OPENED}"
    ));
}

#[test]
fn h22_a_refusal_of_dgst_is_no_reason_to_stop_unless_the_session_ends() {
    let begin = "dst: TYPE I
         src: TYPE I
         src< 200 image
         dst< 200 image
         dst: DGST SHA-256";
    for refusal in ["504 unknown", "502 no", "450 not now"] {
        wanted("", "DGST").play(&format!("{begin}\ndst< {refusal}\n{OPENED}"));
    }
    wanted("", "DGST").play(&format!("{begin}\ndst< 421 goodbye\n= dst DGST: 421, Busy"));
}

#[test]
fn h22_a_digest_in_force_is_not_asked_for_again_and_one_that_nobody_wants_ends() {
    let standing = Standing { digest: Some(Algorithm::Sha256), ..Standing::default() };
    let party = |address| Party { standing, ..party(address, "DGST") };
    let both = |digest| case(party(SITE1), party(SITE2)).with(move |transfer, _| transfer.digest = digest);
    both(Some(Algorithm::Sha256)).play(&format!(
        "{TYPE}
         {OPENED}"
    ));
    both(None).play(&format!(
        "dst: TYPE I
         src: TYPE I
         src< 200 image
         src: DGST OFF
         src< 200 off
         dst< 200 image
         dst: DGST OFF
         dst< 200 off
         {OPENED}"
    ));
    // A probe moves no bytes.
    both(None).with(|transfer, _| transfer.probes = true).play(&format!(
        "{TYPE}
         {}",
        OPENED.replace("RETR a", "PROB S")
    ));
}

#[test]
fn h22_through_this_host_and_through_a_relay_dgst_comes_after_type_as_well() {
    let wanted = wanted("DGST", "");
    let steps = script::first_steps(&wanted.transfer, &wanted.source);
    assert_eq!(steps, [script::Step::Type, script::Step::Digest]);
    assert_eq!(script::first_steps(&wanted.transfer, &wanted.destination), [script::Step::Type]);
}
