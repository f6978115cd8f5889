use super::*;

const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN39S8dKBy/23K9pz80XKETSubkO8h8YqlYvzXPCznsw";
const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBDD3I9IQAbXQZ5/SIKD2c1D5D1MgZYWGvkg8teqyPzc";
const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHnrFY6bI7sAMDm6lW\
    gOwDlQW/m9pWQ52ZyIvNjyGXmTqGf2+emuMRGhjkdVenDNrFHDEXflp52kt7edGNBo6d8=";
const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQCBNsmddvguTcuiAcjMOj2XPz1ty3vdQvwvINDrp6nk977La65Bmw\
    H1zl5dE4XEWploOeaJI4xqabCuawRO19iLTjUx+qsuYKL8PuLccp0ocp9G5zvoehSITpU9JqU1qnuW1sTWSL/a1Xht\
    I2jSNA9rjXbYPgouZcimuEn2O4Rnbx3c0Z1E9jslYAr3heyktHbi3aUpnvLjStJZ9dGKkp23A9wkk29TgGTeu995JU\
    m9UnJoSypvb3McSqg7WVz39H6CrCkAXPBL2NiXBZCb44+ouB8XgqJqeivOUUvn8rkJ880yoY0Qhc1Bqsuwfh2r6mor\
    WGTD0L8DuI2nuhYsuRXf/uW/hwH1UpdfpPaq1S45DWyCYhIcZLpo9DJq5aeXtXptS0yu0r5UynOO611NaBMFJp6pay\
    erDKGIfQMAw6qacgugG0Mqy4vTProBRGKcphhecPAYjCRhBieA3/JP0fAWBk9qxRSXEtcSqwGd+fhBRUsAnOWhMOAZ\
    XrHTEUvKCCs=";

/// `example.com`, hashed by `ssh-keygen -H`.
const HASHED: &str = "|1|GEbiI2qyhOvmvVVfvdYCo93D2AA=|tON4IIMBIOpdtk+gI/xmu68VSus=";

/// `[example.com]:2222`, hashed by `ssh-keygen -H`.
const HASHED_WITH_PORT: &str = "|1|5Cp/pS5MT1iOz12BUKm12xYSlS8=|g0/h6OcX9svxphY3zTpTS9z9yRA=";

fn key(line: &str) -> PublicKey {
    PublicKey::parse(line).unwrap()
}

fn verdict(text: &str, host: &str, port: u16, shown: &str) -> Verdict {
    HostKeys::parse(text).unwrap().verdict(host, port, &key(shown))
}

#[test]
fn a_key_is_known_by_any_of_the_forms() {
    for line in [
        ED25519.to_owned(),
        format!("{ED25519} a comment # with more"),
        format!("example.com {ED25519}"),
        format!("other.example,example.com\t{}", ED25519.replace(' ', "\t")),
        format!("  *.example,EXAMPLE.com   {ED25519} comment  "),
        format!("{HASHED} {ED25519}"),
        format!("# a comment\n\n\r\n{HASHED} {ED25519}\r\n"),
        format!("example.com {OTHER}\nexample.com {ED25519}"),
    ] {
        assert_eq!(verdict(&line, "Example.com", 22, ED25519), Verdict::Known, "{line}");
    }
    for line in
        [format!("[example.com]:2222 {ED25519}"), format!("{HASHED_WITH_PORT} {ED25519}"), ED25519.to_owned()]
    {
        assert_eq!(verdict(&line, "example.com", 2222, ED25519), Verdict::Known, "{line}");
    }
}

#[test]
fn a_key_of_another_host_or_port_says_nothing() {
    for line in [
        String::new(),
        format!("example.org {ED25519}"),
        format!("[example.com]:2222 {ED25519}"),
        format!("*,!example.com {ED25519}"),
        format!("{HASHED_WITH_PORT} {ED25519}"),
        format!("@revoked example.com {OTHER}"),
    ] {
        assert_eq!(verdict(&line, "example.com", 22, ED25519), Verdict::Unknown, "{line}");
    }
    assert_eq!(verdict(&format!("example.com {ED25519}"), "example.com", 2222, ED25519), Verdict::Unknown);
}

#[test]
fn another_key_is_a_change_and_all_recorded_ones_are_named() {
    let text = format!("example.com {OTHER}\n*.com {ECDSA}\nexample.org {ED25519}");
    let expected = Verdict::Changed(vec![key(OTHER), key(ECDSA)]);
    assert_eq!(verdict(&text, "example.com", 22, ED25519), expected);
}

#[test]
fn revoked_wins_over_recorded() {
    for text in [
        format!("example.com {ED25519}\n@revoked * {ED25519}"),
        format!("@revoked\texample.com\t{ED25519}\n{ED25519}"),
    ] {
        assert_eq!(verdict(&text, "example.com", 22, ED25519), Verdict::Revoked, "{text}");
    }
}

#[test]
fn an_authority_vouches_for_nothing() {
    let text = format!("@cert-authority *.com {OTHER}");
    assert_eq!(verdict(&text, "example.com", 22, ED25519), Verdict::Authority);
    assert_eq!(verdict(&text, "example.com", 22, OTHER), Verdict::Authority);
    assert_eq!(
        verdict(&format!("{text}\nexample.com {ED25519}"), "example.com", 22, ED25519),
        Verdict::Known
    );
}

#[test]
fn recorded_types_are_asked_for_first_and_sha1_never() {
    let names = |text: &str| -> Vec<String> {
        let keys = HostKeys::parse(text).unwrap();
        keys.algorithms("example.com", 22).iter().map(ToString::to_string).collect()
    };
    let all = [
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ];
    assert_eq!(names(""), all);
    assert_eq!(names(&format!("example.com {RSA}"))[..3], ["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"]);
    assert_eq!(names(&format!("{ECDSA}\n{RSA}"))[..2], ["ecdsa-sha2-nistp256", "rsa-sha2-512"]);
    assert_eq!(names(&format!("example.org {RSA}\n@revoked * {RSA}")), all);
    assert_eq!(names(RSA).len(), all.len());
}

#[test]
fn a_line_that_cannot_be_read_is_an_error_with_its_number() {
    let damaged = ED25519.replace("AAAA", "AAAB");
    for (text, line, problem) in [
        (format!("@trusted example.com {ED25519}"), 1, LineProblem::Marker),
        (format!("\nexample.com {ED25519}\n|1|x|y {ED25519}"), 3, LineProblem::Hosts),
        (format!("a,,b {ED25519}"), 1, LineProblem::Hosts),
        ("example.com".to_owned(), 1, LineProblem::Key),
        ("example.com ssh-ed25519".to_owned(), 1, LineProblem::Key),
        (format!("@revoked * {damaged}"), 1, LineProblem::Key),
        (format!("example.com {}", ED25519.replace("ssh-ed25519", "ssh-rsa")), 1, LineProblem::Key),
        ("example.com 1024 35 123456789".to_owned(), 1, LineProblem::Key),
    ] {
        let error = HostKeys::parse(&text).unwrap_err();
        assert_eq!(error, HostKeyLineError { line, problem }, "{text}");
    }
}

#[test]
fn a_key_is_shown_as_ssh_keygen_shows_it() {
    assert_eq!(key(ED25519).to_string(), "ssh-ed25519 SHA256:IOMJ+zQ+T+CnQ7qdJHrTICL73m2ZVImX4ncejHcmSGk");
    assert_eq!(key(&format!("{ED25519} comment")).line(), ED25519);
}
