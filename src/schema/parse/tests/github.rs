use super::*;
use crate::schema::{GITHUB_API, Visibility};

#[test]
fn a_target_has_a_scope_secrets_and_variables() {
    let schema = parsed(
        r#"
[secrets.a.token]
type = "token"
[secrets.a.host]
type = "host"
[github.repo]
repository = "o/r"
[github.repo.variables]
HOST = "{{ a.host }}"
HINT = { value = "{{ a.token|length }}", public = true }
[github.everyone]
organization = "example-org"
visibility = "all"
api = "https://github.example.com/api/v3/"
token = "a.token"
secrets = { T = "{{ a.token }}" }
[github.private]
organization = "example-org"
secrets = { T = "{{ a.token }}" }
[github.some]
organization = "example-org"
repositories = ["shop", "shop.docs"]
secrets = { T = "{{ a.token }}" }
[github.local]
repository = "o/r"
api = "http://127.0.0.1:8080"
secrets = {}
"#,
    );
    let repo = &schema.github[&target("repo")];
    assert_eq!((&repo.scope, repo.api.as_str()), (&GithubScope::Repository("o/r".to_owned()), GITHUB_API));
    assert!(repo.secrets.is_empty() && repo.token.is_none());
    let names: Vec<_> = repo.variables.iter().map(|variable| variable.name.as_str()).collect();
    assert_eq!(names, ["HOST", "HINT"]);
    let everyone = &schema.github[&target("everyone")];
    let organization =
        |visibility| GithubScope::Organization { organization: "example-org".to_owned(), visibility };
    assert_eq!(everyone.scope, organization(Visibility::All));
    assert_eq!(everyone.api, "https://github.example.com/api/v3");
    assert_eq!(everyone.token.as_ref().map(SecretName::as_str), Some("a.token"));
    assert_eq!(schema.github[&target("private")].scope, organization(Visibility::Private));
    let selected = Visibility::Selected(vec!["shop".to_owned(), "shop.docs".to_owned()]);
    assert_eq!(schema.github[&target("some")].scope, organization(selected));
    assert_eq!(schema.github[&target("local")].api, "http://127.0.0.1:8080");
}

#[test]
fn mistakes_come_all_at_once() {
    let found = errors(
        r#"
[secrets.a.token]
type = "token"
[github.nothing]
repositry = "o/r"
[github.both]
repository = "o/r"
organization = "o_o"
environment = "production"
visibility = "selcted"
secrets = {}
[github.repo]
repository = "o/r"
visibility = "all"
repositories = ["x"]
token = "a.tokn"
api = "http://github.example.com/api/v3"
[github.repo.variables]
TOKEN = "{{ a.token }}"
MORE = { value = "Bearer {{ a.token }}", public = false }
TWO = { value = "x", pubic = true }
github_x = "x"
token = "x"
2FA = "x"
[github.repo.secrets]
TOKEN = { value = "{{ a.token }}", public = true }
[github.list]
organization = "o"
visibility = "selected"
secrets = {}
[github.list2]
organization = "o"
visibility = "private"
repositories = ["o/x", "y", "Y"]
secrets = {}
token = "TOKEN"
"#,
    );
    let public = "`a.token` is secret, and GitHub shows variables to whoever reads the repository \
                  (move it to `secrets`, or write { value = \"…\", public = true })";
    let expected = [
        "s.toml:4:9: `nothing` has neither `repository` nor `organization`".to_owned(),
        "s.toml:4:9: `nothing` has neither `secrets` nor `variables`".to_owned(),
        "s.toml:5:1: unknown key `repositry` (did you mean `repository`?)".to_owned(),
        "s.toml:7:1: `repository` and `organization` exclude each other".to_owned(),
        "s.toml:8:16: `organization` must be the login of a GitHub organization".to_owned(),
        "s.toml:9:1: `environment` belongs to a `repository`".to_owned(),
        "s.toml:10:14: `selcted` is not a visibility (did you mean `selected`?)".to_owned(),
        "s.toml:14:1: `visibility` belongs to an `organization`".to_owned(),
        "s.toml:15:1: `repositories` belongs to an `organization`".to_owned(),
        "s.toml:16:9: no secret `a.tokn` is declared (did you mean `a.token`?)".to_owned(),
        "s.toml:17:7: `api` must be a URL that starts with https://, such as https://github.example.com/api/v3"
            .to_owned(),
        format!("s.toml:19:1: {public}"),
        format!("s.toml:20:1: {public}"),
        "s.toml:21:22: unknown key `pubic` (did you mean `public`?)".to_owned(),
        "s.toml:22:1: GitHub takes no variable whose name starts with GITHUB_".to_owned(),
        "s.toml:23:1: for GitHub `token` is the same name as the one at s.toml:19:1".to_owned(),
        "s.toml:24:1: a variable's name starts with a letter or _ and holds only letters, digits and _".to_owned(),
        "s.toml:26:36: unknown key `public`".to_owned(),
        "s.toml:29:1: `visibility = \"selected\"` needs `repositories`".to_owned(),
        "s.toml:34:1: `repositories` needs `visibility = \"selected\"`".to_owned(),
        "s.toml:34:17: `repositories` must be the names of repositories of the organization, without the owner"
            .to_owned(),
        "s.toml:34:29: `Y` stands in `repositories` twice".to_owned(),
        "s.toml:36:9: `token`: a secret's name has the form group.key, such as database.password".to_owned(),
    ];
    assert_eq!(found, expected);
}
