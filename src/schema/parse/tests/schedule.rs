use std::time::Duration;

use super::*;
use crate::schema::{NotifyVia, Rotation};

fn rotation(keys: &str) -> Rotation {
    secret(&parsed(&format!("[secrets.a.b]\nrotate = {{ {keys} }}\n")), "a.b").rotate.unwrap()
}

fn mistakes(keys: &str) -> Vec<String> {
    errors(&format!("[secrets.a.b]\nrotate = {{ {keys} }}\n"))
}

#[test]
fn a_rotation_says_when_it_runs() {
    let window =
        r#"window = { days = ["wed", "tue", "wed"], from = "22:00", to = "24:00", zone = "Europe/Berlin" }"#;
    let all = rotation(&format!("every = \"90d\", jitter = \"12h\", {window}"));
    assert_eq!((all.every, all.jitter), (Some(Duration::from_hours(90 * 24)), Duration::from_hours(12)));
    assert_eq!(all.window.unwrap().to_string(), "tue,wed 22:00-00:00 Europe/Berlin");
    let every_day = rotation(r#"window = { from = "02:00", to = "05:00", zone = "UTC" }"#);
    assert_eq!(every_day.window.unwrap().to_string(), "02:00-05:00 UTC");
    assert_eq!(rotation("every = \"90d\"").window, None);
}

#[test]
fn mistakes_in_its_time_are_named() {
    let window = |keys: &str| format!("window = {{ {keys} }}");
    let usual = r#"from = "02:00", to = "05:00", zone = "UTC""#;
    for (keys, expected) in [
        ("jitter = \"1h\"".to_owned(), "s.toml:2:12: `jitter` needs `every`"),
        (
            "every = \"2h\", jitter = \"61m\"".to_owned(),
            "s.toml:2:35: `jitter` must be at most half of `every`",
        ),
        (window("from = \"02:00\", to = \"05:00\""), "s.toml:2:12: `window` has no `zone`"),
        (
            window(&usual.replace("UTC", "Berlin")),
            "s.toml:2:60: `Berlin` is not a time zone (name a place of the IANA database, such as Europe/Berlin, or UTC)",
        ),
        (window(&format!("{usual}, day = 1")), "s.toml:2:67: unknown key `day` (did you mean `days`?)"),
        (
            window(&format!("{usual}, days = [\"tues\"]")),
            "s.toml:2:75: `tues` is not a day (did you mean `tue`?)",
        ),
        (
            window(&format!("{usual}, days = []")),
            "s.toml:2:74: `days` names no day: leave it out for every day",
        ),
        (
            window(&usual.replace("02:00", "2:00")),
            "s.toml:2:30: `from` must be an hour such as 02:00 or 23:30",
        ),
        (
            window(&usual.replace("02:00", "24:00")),
            "s.toml:2:30: `from` must be an hour such as 02:00 or 23:30",
        ),
        (
            window(&usual.replace("05:00", "05:60")),
            "s.toml:2:44: `to` must be an hour such as 02:00 or 23:30",
        ),
        (
            window(&usual.replace("05:00", "02:00")),
            "s.toml:2:21: `window` never opens: leave it out for any hour",
        ),
        (
            window(&usual.replace("05:00", "02:29")),
            "s.toml:2:21: `window` is shorter than 30 minutes, so that a scheduler could miss it",
        ),
    ] {
        assert_eq!(mistakes(&keys), [expected], "{keys}");
    }
}

#[test]
fn an_end_can_say_when_it_is_warned_about() {
    let expiry = |value: &str| {
        let entry = secret(&parsed(&format!("[secrets.a.b]\nexpires = {value}\n")), "a.b");
        (entry.expires.unwrap().to_string(), entry.expiry_notice)
    };
    assert_eq!(expiry("2027-01-31"), ("2027-01-31".to_owned(), 30));
    assert_eq!(expiry("{ on = 2027-01-31, warn = \"2w\" }"), ("2027-01-31".to_owned(), 14));
    for (value, expected) in [
        ("{ warn = \"2w\" }", "s.toml:2:1: `expires` has no `on`"),
        ("{ on = 2027-01-31, warn = \"12h\" }", "s.toml:2:37: `warn` must lie between 1d and 3650d"),
        ("{ on = \"soon\" }", "s.toml:2:18: `on` must be a date such as 2027-01-31"),
        ("{ on = 2027-01-31, warm = \"2w\" }", "s.toml:2:30: unknown key `warm` (did you mean `warn`?)"),
    ] {
        assert_eq!(errors(&format!("[secrets.a.b]\nexpires = {value}\n")), [expected], "{value}");
    }
}

#[test]
fn somebody_can_be_told() {
    let notify = |keys: &str| {
        let text = format!("[secrets.chat.webhook]\ntype = \"url\"\nsecret = true\n[notify]\n{keys}\n");
        parsed(&text).notify.unwrap()
    };
    let NotifyVia::Run(words) = notify("run = [\"scripts/tell\", \"ops\"]").via else { panic!() };
    assert_eq!(words, ["scripts/tell", "ops"]);
    let hook = notify("url = \"{{ chat.webhook }}\"\nwithin = \"5s\"");
    let NotifyVia::Url(url) = hook.via else { panic!() };
    assert_eq!((url.source(), hook.within), ("{{ chat.webhook }}", Duration::from_secs(5)));
    for (keys, expected) in [
        ("", "s.toml:1:2: `notify` needs `run`, a program, or `url`, a webhook"),
        (
            "run = [\"x\"]\nurl = \"https://example.com/\"",
            "s.toml:1:2: `notify` has `run` and `url`: only one is possible",
        ),
        ("run = []", "s.toml:2:7: `run` must be an array of strings, the program first"),
        ("run = [\"x\"]\nrum = []", "s.toml:3:1: unknown key `rum` (did you mean `run`?)"),
        (
            "url = \"example.com\"",
            "s.toml:2:7: `url` is not an http url: http:// or https:// with a host, without a fragment",
        ),
    ] {
        assert_eq!(errors(&format!("[notify]\n{keys}\n"))[0], expected, "{keys}");
    }
    let one = "[notify]\nrun = [\"x\"]\n";
    assert_eq!(
        errors_of(&[file("a.toml", one), file("b.toml", one)]),
        ["b.toml:1:2: `notify` is declared twice, first at a.toml:1:2"]
    );
}
