//! Where the token is taken from, and where it is not.

use luca_secrets::http::Address;
use luca_secrets::secret::SecretValue;
use luca_secrets::sys::Environment;
use luca_secrets::target::github::find_token;

use crate::harness::executable;

const GITHUB: &str = "https://api.github.com";
const ENTERPRISE: &str = "https://github.example.com/api/v3";

/// Source and token, in a world of the variables given.
fn find(
    base: &str,
    variables: &[(&str, &str)],
    secret: Option<&str>,
    keyring: Option<&str>,
) -> Option<String> {
    let empty = ("PATH", "/nonexistent");
    let variables = [empty].into_iter().chain(variables.iter().copied());
    let env = Environment::new(variables.map(|(name, value)| (name.into(), value.into())));
    let value = |text: &str| SecretValue::new(text.to_owned());
    let found = find_token(&env, &Address::parse(base).unwrap(), secret.map(value), |host| {
        keyring.map(|text| value(&format!("{text} for {host}")))
    });
    found.map(|token| format!("{}: {}", token.source, token.value.expose()))
}

#[test]
fn sources_are_asked_in_their_order() {
    let all = [("GH_TOKEN", "a\n"), ("GITHUB_TOKEN", "b")];
    assert_eq!(find(GITHUB, &all, Some("c"), Some("d")).as_deref(), Some("the store: c"));
    assert_eq!(find(GITHUB, &all, Some(""), Some("d")).as_deref(), Some("GH_TOKEN: a"));
    assert_eq!(find(GITHUB, &all[1..], None, Some("d")).as_deref(), Some("GITHUB_TOKEN: b"));
    assert_eq!(
        find(GITHUB, &[("GH_TOKEN", " ")], None, Some("d")).as_deref(),
        Some("the keyring: d for github.com")
    );
    assert_eq!(
        find(ENTERPRISE, &[], None, Some("d")).as_deref(),
        Some("the keyring: d for github.example.com")
    );
    assert_eq!(find(GITHUB, &[], None, None), None);
}

#[test]
fn a_token_for_one_host_is_not_given_to_another() {
    let github = [("GH_TOKEN", "a"), ("GITHUB_TOKEN", "b")];
    let enterprise = [("GITHUB_ENTERPRISE_TOKEN", "c")];
    assert_eq!(find(ENTERPRISE, &github, None, None), None);
    assert_eq!(find("https://api.github.com.example.com", &github, None, None), None);
    assert_eq!(find(GITHUB, &enterprise, None, None), None);
    assert_eq!(find(ENTERPRISE, &enterprise, None, None).as_deref(), Some("GITHUB_ENTERPRISE_TOKEN: c"));
    assert_eq!(find("https://api.tenant.ghe.com", &github, None, None).as_deref(), Some("GH_TOKEN: a"));
    let job = [("GITHUB_ACTIONS", "true"), ("GITHUB_API_URL", ENTERPRISE), ("GITHUB_TOKEN", "b")];
    assert_eq!(find(ENTERPRISE, &job, None, None).as_deref(), Some("GITHUB_TOKEN: b"));
    assert_eq!(find("https://other.example.com/api/v3", &job, None, None), None);
}

#[test]
fn gh_is_asked_and_gets_no_identity() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("gh");
    executable(
        &program,
        "#!/bin/sh\necho \"$* ${LUCA_SECRETS_IDENTITY-no} ${LUCA_SECRETS_IDENTITY_FILE-identity}\"\n",
    );
    let variables = [
        ("PATH", folder.path().to_str().unwrap()),
        ("LUCA_SECRETS_IDENTITY", "made up"),
        ("LUCA_SECRETS_IDENTITY_FILE", "made up"),
    ];
    let found = find("https://github.example.com:8443/api/v3", &variables, None, Some("d"));
    let expected = "gh auth token: auth token --hostname github.example.com:8443 no identity";
    assert_eq!(found.as_deref(), Some(expected));
    std::fs::write(&program, "#!/bin/sh\nexit 1\n").unwrap();
    assert_eq!(find(GITHUB, &variables, None, Some("d")).as_deref(), Some("the keyring: d for github.com"));
}
