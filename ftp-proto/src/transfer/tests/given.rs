//! Addresses that a person has set for a peer.

use super::*;

#[test]
fn an_address_that_a_person_has_set_for_a_peer_takes_the_place_of_the_announced_one() {
    let given = |features: &str| Party { given: true, ..party("198.51.100.7", features) };
    case(party(SITE1, ""), given("")).play(&format!(
        "{TYPE}
         dst: PASV
         dst< 227 Entering Passive Mode (203,0,113,9,156,66)
         src: PORT 198,51,100,7,156,66"
    ));
    case(party(SITE1, "EPSV"), given("EPSV")).play(&format!(
        "{TYPE}
         dst: EPSV 1
         dst< 229 Entering Extended Passive Mode (|||40002|)
         src: EPRT |1|198.51.100.7|40002|"
    ));
}
