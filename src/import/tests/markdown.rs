//! Pages written for people.

use super::*;

fn page(text: &str) -> Findings {
    read_with(Source::Markdown, text, &schema())
}

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nBG5vbmUAAAAEbm9uZQ==\n-----END OPENSSH PRIVATE KEY-----\n";

#[test]
fn the_example_page() {
    let findings = page(PAGE);
    let expected = [
        "hetzner.backend_ip=192.0.2.10@18",
        "django.admin_email=admin@example.com@24",
        "django.admin_password=CorrectHorse2031!@25",
        "flower.user=admin@28",
        "flower.password=mR4xv0Qe7uLk2ZbW9sTn6yHc1jPd8fGa@29",
        "database.host=192.0.2.20@32",
        "database.port=5432@33",
        "database.name=shop@34",
        "database.user=shop@35",
        "database.password=Str0ngPlaceholder#1@36",
        "storage.access_key=EXAMPLEACCESSKEY0001@39",
        "storage.secret_key=exampleSecretKey/with+slash0000000000000@40",
        "storage.endpoint=https://fsn1.example.com@41",
        "storage.bucket=shop-os@42",
        "clerk.domain=brave-otter-12.clerk.accounts.example.com@45",
    ];
    assert_eq!(found(&findings), expected);
    assert_eq!(
        skipped(&findings),
        ["hetzner.ssh_private_key 19 Description", "clerk.secret_key 46 Placeholder"]
    );
    let crlf = page(&format!("\u{feff}{}", PAGE.replace('\n', "\r\n")));
    assert_eq!(found(&crlf), expected);
}

#[test]
fn a_label_can_be_written_in_many_ways() {
    for line in [
        "- Password: pa:ss #1",
        "* **Password**: pa:ss #1",
        "+ **Password:** pa:ss #1",
        "1. Password: pa:ss #1",
        "12) PASSWORD = pa:ss #1",
        "- `password`: `pa:ss #1`",
        "- [x] Password (rotated): ``pa:ss #1``",
        "  - __Password__: pa:ss #1  ",
        "- *Password:* pa:ss #1",
        "- **Password: pa:ss #1**",
        "- **Password** — pa:ss #1",
        "> - Password: `pa:ss #1` (since 2031)",
        "Password: `pa:ss #1`",
        "- database.password: pa:ss #1",
        "- DATABASE_PASSWORD=pa:ss #1",
        "- Database password: pa:ss #1",
        "- Password: **pa:ss #1**",
    ] {
        let findings = page(&format!("## The 1st\n\n### 3.1 DATABASE (PostgreSQL)\n\n{line}\n"));
        assert_eq!(found(&findings), ["database.password=pa:ss #1@5"], "{line}");
        assert!(findings.skipped.is_empty(), "{line}");
    }
}

#[test]
fn the_nearest_heading_with_a_group_counts() {
    let text = "# Database\n## Production\n- Password: one\n## Flower\n### More\n- Password: two\n# Other\n- Password: three\n";
    assert_eq!(found(&page(text)), ["database.password=one@3", "flower.password=two@6"]);
    let text = "Database\n========\n\nPassword: one\n\nFlower (Celery)\n---\n* Password: two\n\n**Django Admin**\n\n* Password: three\n";
    let expected = ["database.password=one@4", "flower.password=two@8", "django.admin_password=three@12"];
    assert_eq!(found(&page(text)), expected);
    let text = "# Logins\n- Database:\n  - Password: one\n- Flower\n  - Password: two\n";
    assert_eq!(found(&page(text)), ["database.password=one@3", "flower.password=two@5"]);
}

#[test]
fn tables() {
    let text = "## Database\n\n| Key | Note | Value |\n|:--|---|--:|\n| **Password** | x | a\\|b |\n\
        | `User` | x | `c\\|d` |\n| Host | x | <your host> |\n| Colour | x | red |\n\nKey | Value\n--- | ---\nPort | 5432\n";
    let findings = page(text);
    assert_eq!(found(&findings), ["database.password=a|b@5", "database.user=c|d@6", "database.port=5432@12"]);
    assert_eq!(skipped(&findings), ["database.host 7 Placeholder", "? 8 NoSuchSecret"]);
    let text = "| Variable | Description |\n|---|---|\n| `HETZNER_BACKEND_IP` | the address |\n| SOME_OTHER_KEY | x |\n";
    assert_eq!(skipped(&page(text)), ["hetzner.backend_ip 3 Description", "? 4 NoSuchSecret"]);
    let text = "| Name |\n|---|\n| x |\n";
    assert!(page(text).skipped.is_empty());
}

#[test]
fn what_is_no_value() {
    for value in [
        "(in .envs/.production/.django)",
        "`<your key>`",
        "...",
        "…",
        "TODO",
        "see 1Password",
        "n/a",
        "-",
        "********",
        "`********`",
        "stored in the vault",
        "${DATABASE_PASSWORD}",
        "(in secrets.enc: database.password)",
        "<your key> (ask ops)",
    ] {
        let findings = page(&format!("# Database\n- Password: {value}\n"));
        assert_eq!(skipped(&findings), ["database.password 2 Placeholder"], "{value}");
        assert!(findings.found.is_empty(), "{value}");
    }
    assert_eq!(skipped(&page("# Database\n- Password:\n\ntext\n")), ["database.password 2 Empty"]);
    for value in ["horse (staple)", "\"horse\"", "`a` or `b`"] {
        let findings = page(&format!("# Database\n- Password: {value}\n"));
        assert_eq!(skipped(&findings), ["database.password 2 Ambiguous"], "{value}");
    }
    let prose = "# Database\nPassword: it is rotated every quarter.\nThe user: see below.\n";
    assert!(found(&page(prose)).is_empty());
}

#[test]
fn what_is_a_value() {
    for (text, value) in [
        ("`` a`b ``", "a`b"),
        ("a`b", "a`b"),
        ("a\\_b\\*c\\d", "a_b*c\\d"),
        ("&amp;x", "&amp;x"),
        ("CorrectHorse2031!", "CorrectHorse2031!"),
        ("`(x)`", "(x)"),
        ("x|y", "x|y"),
        ("snake_case_word", "snake_case_word"),
        ("ünïcode🔑", "ünïcode🔑"),
    ] {
        assert_eq!(values(&page(&format!("# Database\n- Password: {text}\n")))["database.password"], value);
    }
    for text in [
        "<https://e.example.com/x>",
        "[the console](https://e.example.com/x)",
        "https://e.example.com/x (EU)",
    ] {
        let findings = page(&format!("# Hetzner Object Storage\n- Endpoint: {text}\n"));
        assert_eq!(values(&findings)["storage.endpoint"], "https://e.example.com/x");
    }
    let mail = page("# Django Admin\n- Email: [me@example.com](mailto:me@example.com)\n");
    assert_eq!(values(&mail)["django.admin_email"], "me@example.com");
}

#[test]
fn keys_in_blocks() {
    let indented = KEY.replace('\n', "\n    ");
    let escaped = KEY.replace('\n', "\\n");
    for text in [
        format!("# Hetzner\n\n```\n{KEY}```\n"),
        format!("# Hetzner\n\n## SSH private key\n\n```text\n{KEY}```\n"),
        format!("# Hetzner\n- SSH private key:\n\n    ~~~\n    {indented}\n    ~~~\n"),
        format!("# Other\n- HETZNER_SSH_PRIVATE_KEY:\n```\n{KEY}```\n"),
        format!("```sh\nexport HETZNER_SSH_PRIVATE_KEY=\"{}\"\n```\n", KEY.trim_end()),
        format!("# Hetzner\r\n\r\n{}", KEY.replace('\n', "\r\n")),
        format!("```\nHETZNER_SSH_PRIVATE_KEY=\"{escaped}\"\n```\n"),
    ] {
        assert_eq!(values(&page(&text)).get("hetzner.ssh_private_key"), Some(&KEY), "{text}");
    }
    let cut = "# Hetzner\n```\n-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n```\n# Database\n- User: u\n";
    assert_eq!(skipped(&page(cut)), ["? 3 Unterminated"]);
    assert_eq!(found(&page(cut)), ["database.user=u@7"]);
    assert_eq!(skipped(&page(&format!("# Nowhere\n{KEY}"))), ["? 2 NoSuchSecret"]);
}

#[test]
fn values_in_code_blocks() {
    let text = "# Setup\n```bash\n$ export CELERY_FLOWER_PASSWORD=\"a b\" # note\nCELERY_FLOWER_USER=admin # x\nOTHER=1\n- Password: no\n```\n";
    assert_eq!(found(&page(text)), ["flower.password=a b@3", "flower.user=admin@4"]);
    assert!(page(text).skipped.is_empty());
    let text = "# Database\n- Password:\n\n  ```\n  a:b c\n  ```\n";
    assert_eq!(found(&page(text)), ["database.password=a:b c@5"]);
}

#[test]
fn texts_of_the_page_never_reach_the_report() {
    let text = "# Database\n- hunter2: x\n- Password: a\n- Password: b\n| hunter2 | hunter2 |\n|---|---|\n| HUNTER_2 | hunter2 |\n";
    let findings = page(text);
    let report = format!("{:?}", findings.skipped);
    assert!(!report.to_lowercase().contains("hunter"));
    let expected = ["? 2 NoSuchSecret", "database.password 4 Conflict { other: 3 }", "? 7 NoSuchSecret"];
    assert_eq!(skipped(&findings), expected);
}
