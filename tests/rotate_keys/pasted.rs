//! S3 keys and webhooks by `luca-secrets rotate`, to the very end: a person pastes, goes away, and comes back elsewhere.

use luca_secrets::rotate::{Answer, Issuer, Webhook};
use luca_secrets::schema::WebhookRotation;
use luca_secrets::sys::Environment;
use serde_json::json;

use super::clerk::Stand;
use super::people::{Team, assert_shown, on_terminal, value_of};
use super::s3::{access_keys, end_key, set_free, user};
use super::walk::{name, values};
use crate::harness::NOW;
use crate::harness::s3::moto_alone;

const DAY_LATER: &str = "2026-11-24T12:00:00Z";
const DAYS_LATER: &str = "2026-11-27T12:00:00Z";

#[test]
#[ignore = "needs moto and sshd; run tests/run"]
fn s3_keys_are_pasted_and_the_old_ones_end_on_another_machine() {
    let service = moto_alone();
    let bucket = service.bucket();
    let (old, new) = (user(&service, "rotated"), access_keys(&service, "rotated"));
    set_free(&service, false);
    let secrets = format!(
        "[secrets.s3.access_key]\ntype = \"token\"\n[secrets.s3.secret_key]\ntype = \"token\"\n\
         [secrets.s3.secret_key.rotate]\nwith = \"s3-keys\"\nbucket = \"{bucket}\"\nendpoint = \"{}\"\nprefix = \"probes/\"\n\
         url = \"https://console.example.com/\"\ngrace = \"1s\"\npresigned = \"1s\"\n",
        service.endpoint
    );
    let team = Team::new(&secrets, "ACCESS = \"{{ s3.access_key }}\"\nSECRET = \"{{ s3.secret_key }}\"\n");
    team.begin(&[("s3.access_key", &old.0), ("s3.secret_key", &old.1)]);
    let hidden = [old.0.as_str(), &old.1, &new.0, &new.1];
    let plain = |text: &str| team.plain(text, &[(&bucket, "[bucket]"), (&service.endpoint, "[s3]")]);

    let pasted = [
        "wait access key (not shown): ",
        &format!("type {}\\n", new.0),
        "next secret key (not shown): ",
        &format!("type {}\\n", new.1),
        "next done? [y/N] ",
        "type \\n",
        "end",
    ];
    let (code, shown) = on_terminal(&team.world, &["rotate", "s3.secret_key", "--yes"], &pasted);
    assert_shown(&plain(&shown), PASTED_S3, &hidden);
    assert_eq!(code, 4);
    assert!(team.env().contains(&new.0) && team.env().contains(&new.1) && !team.env().contains(&old.1));

    // Another machine: said and not done, then done and said.
    let other = team.machine();
    let said = ["wait done? [y/N] ", "type y\\n", "next done? [y/N] ", "type n\\n", "end"];
    let (code, shown) = on_terminal(&other, &["rotate", "--resume", "--yes"], &said);
    assert_shown(&plain(&shown), SAID_S3, &hidden);
    assert_eq!(code, 4);
    end_key(&service, "rotated", &old.0);
    let (code, shown) =
        on_terminal(&other, &["rotate", "--resume", "--yes"], &["wait done? [y/N] ", "type y\\n", "end"]);
    assert_shown(&plain(&shown), DONE_S3, &hidden);
    assert_eq!(code, 0);
    assert_eq!(value_of(&team.machine(), "s3.secret_key"), new.1);
    // Nothing is left of the probes.
    let left = service.call_as(&new, "list_objects_v2", &json!({ "Bucket": bucket }));
    assert_eq!(left["KeyCount"], 0, "{left}");
}

const PASTED_S3: &str = r"s3.secret_key: look whether it can be done (0.0 s)
s3.secret_key: ask for the new pair of S3 keys
  make a new pair of S3 keys, and leave the old one as it is:
    generate credentials for the project that has the bucket; the secret key is shown once
    (if a bucket policy of [bucket] names keys, add the new one to it)
  https://console.example.com
  (Ctrl-C leaves it for later)
access key (not shown):
secret key (not shown):
s3.secret_key: ask for the new pair of S3 keys (0.0 s)
s3.secret_key: prove that it works (0.0 s)
server web: staged (0.0 s)
server web: in place (0.0 s)
server web: applied (0.0 s)
server web: healthy (0.0 s)
server web: committed (0.0 s)
s3.secret_key: give it to the programs (0.0 s)
s3.secret_key: keep the old pair of S3 keys for a while (0.0 s)
s3.secret_key: ask for the end of the old pair of S3 keys
  end the pair of S3 keys from before; the new one stays:
    delete the credentials; URLs that were presigned with them end with them
  https://console.example.com
  (Ctrl-C leaves it for later)
done? [y/N]
error: s3.secret_key: waits for a person: ask for the end of the old pair of S3 keys
hint: `luca-secrets rotate --resume s3.secret_key` at a terminal goes on, on any machine and whenever it suits; `luca-secrets rotate --undo s3.secret_key` takes it back
";
const SAID_S3: &str = r"s3.secret_key: ask for the end of the old pair of S3 keys
  end the pair of S3 keys from before; the new one stays:
    delete the credentials; URLs that were presigned with them end with them
  https://console.example.com
  (Ctrl-C leaves it for later)
done? [y/N] y
warn: s3.secret_key: the pair of S3 keys from before is still accepted
hint: delete it on the page; it can take a minute until that is in force
done? [y/N] n
error: s3.secret_key: waits for a person: ask for the end of the old pair of S3 keys
hint: `luca-secrets rotate --resume s3.secret_key` at a terminal goes on, on any machine and whenever it suits; `luca-secrets rotate --undo s3.secret_key` takes it back
";
const DONE_S3: &str = r"s3.secret_key: ask for the end of the old pair of S3 keys
  end the pair of S3 keys from before; the new one stays:
    delete the credentials; URLs that were presigned with them end with them
  https://console.example.com
  (Ctrl-C leaves it for later)
done? [y/N] y
s3.secret_key: ask for the end of the old pair of S3 keys (0.0 s)
s3.secret_key: prove that the old pair of S3 keys is refused (0.0 s)
ok: s3.secret_key: rotated (0.0 s)
";

#[test]
#[ignore = "needs moto and sshd; run tests/run"]
fn s3_keys_that_iam_makes_are_replaced_by_the_command_alone() {
    let service = moto_alone();
    let bucket = service.bucket();
    let old = user(&service, "rotated");
    set_free(&service, false);
    let secrets = format!(
        "[secrets.s3.access_key]\ntype = \"token\"\n[secrets.s3.secret_key]\ntype = \"token\"\n\
         [secrets.s3.secret_key.rotate]\nwith = \"s3-keys\"\nbucket = \"{bucket}\"\nendpoint = \"{0}\"\niam = \"{0}\"\n\
         grace = \"1s\"\n",
        service.endpoint
    );
    let team = Team::new(&secrets, "ACCESS = \"{{ s3.access_key }}\"\nSECRET = \"{{ s3.secret_key }}\"\n");
    team.begin(&[("s3.access_key", &old.0), ("s3.secret_key", &old.1)]);
    let plain = |text: &str| team.plain(text, &[(&bucket, "[bucket]"), (&service.endpoint, "[s3]")]);
    let output = team.world.spawn(&["rotate", "s3.secret_key", "--yes"]).output().unwrap();
    let shown = plain(&String::from_utf8(output.stderr).unwrap());
    let new = (value_of(&team.world, "s3.access_key"), value_of(&team.world, "s3.secret_key"));
    // As often as the old pair is seen to have been in use a moment ago.
    let lines: Vec<&str> = shown.lines().filter(|line| !line.contains("was used at")).collect();
    assert_shown(&(lines.join("\n") + "\n"), BY_IAM, &[&old.0, &old.1, &new.0, &new.1]);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(new.0 != old.0 && team.env().contains(&new.0) && team.env().contains(&new.1));
    // Only the new pair is left, and it is the one that the home has.
    assert_eq!(value_of(&team.machine(), "s3.secret_key"), new.1);
    // Nothing is left of the probes.
    let left = service.call_as(&new, "list_objects_v2", &json!({ "Bucket": bucket }));
    assert_eq!(left["KeyCount"], 0, "{left}");
    let denied = service.call_as(&old, "list_objects_v2", &json!({ "Bucket": bucket }));
    assert_eq!(denied["error"], "InvalidAccessKeyId");
}

const BY_IAM: &str = r"s3.secret_key: look whether it can be done (0.0 s)
s3.secret_key: have IAM make a new pair (0.0 s)
s3.secret_key: prove that it works (0.0 s)
server web: staged (0.0 s)
server web: in place (0.0 s)
server web: applied (0.0 s)
server web: healthy (0.0 s)
server web: committed (0.0 s)
s3.secret_key: give it to the programs (0.0 s)
s3.secret_key: keep the old pair until nobody uses it (0.0 s)
s3.secret_key: make the old pair inactive (0.0 s)
s3.secret_key: wait whether anybody misses it (0.0 s)
s3.secret_key: delete the old pair (0.0 s)
s3.secret_key: prove that the old pair is refused (0.0 s)
ok: s3.secret_key: rotated (0.0 s)
";

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// The schema of a webhook's secret.
fn hook(settings: &str) -> String {
    format!(
        "[secrets.clerk.webhook_secret]\ntype = \"token\"\n[secrets.clerk.webhook_secret_previous]\ntype = \"token\"\n\
         required = false\n[secrets.clerk.webhook_secret.rotate]\nwith = \"webhook\"\n\
         url = \"https://dashboard.example.com/webhooks\"\n{settings}\n"
    )
}

const BOTH: &str = "CLERK_WEBHOOK_SECRET = \"{{ clerk.webhook_secret }}\"\n\
                    CLERK_WEBHOOK_SECRET_PREVIOUS = '{{ clerk.webhook_secret_previous|default(\"\") }}'\n";

/// Whether the application accepts events signed with the old and with the new secret.
fn accepts(stand: &Stand) -> (Answer, Answer) {
    let settings =
        WebhookRotation { endpoint: Some(format!("{}/hooks", stand.url)), ..WebhookRotation::default() };
    let mut webhook = Webhook::new(name("a.b"), settings, Environment::new([]));
    let mut ask = |secret: &str| webhook.accepts(&values(&[("a.b", secret)])).unwrap();
    (ask(OLD), ask(NEW))
}

/// An application that reads its secrets from the file which the server has, and a team with a webhook of its.
fn application(stand: &Stand, grace: &str) -> Team {
    let settings = format!(
        "previous = \"clerk.webhook_secret_previous\"\nendpoint = \"{}/hooks\"\ngrace = \"{grace}\"\n",
        stand.url
    );
    let team = Team::new(&hook(&settings), BOTH);
    stand.set(&json!({ "env": team.file() }));
    team.begin(&[("clerk.webhook_secret", OLD)]);
    team
}

#[test]
#[ignore = "needs sshd and python3; run tests/run"]
fn both_secrets_of_a_webhook_are_accepted_while_there_are_two_endpoints() {
    let stand = Stand::start();
    let team = application(&stand, "1s");
    assert_eq!(accepts(&stand), (Answer::Accepted, Answer::Refused));
    let rotate = ["rotate", "--yes", "clerk.webhook_secret"];
    let pasted = ["wait (not shown): ", &format!("type {NEW}\\n"), "next done? [y/N] ", "type \\n", "end"];
    let (code, shown) = on_terminal(&team.world, &rotate, &pasted);
    assert_shown(&team.plain(&shown, &[]), PASTED_HOOK, &[OLD, NEW]);
    assert_eq!(code, 4);
    assert_eq!(accepts(&stand), (Answer::Accepted, Answer::Accepted), "{}", team.env());

    let other = team.machine();
    let ended = ["wait done? [y/N] ", "type y\\n", "end"];
    let (code, shown) = on_terminal(&other, &["rotate", "--resume", "--yes"], &ended);
    assert_shown(&team.plain(&shown, &[]), DONE_HOOK, &[OLD, NEW]);
    assert_eq!(code, 0);
    assert_eq!(accepts(&stand), (Answer::Refused, Answer::Accepted));
    let home = team.machine();
    assert_eq!(value_of(&home, "clerk.webhook_secret"), NEW);
    home.run(&["get", "clerk.webhook_secret_previous"]).gives(
        1,
        "",
        "error: clerk.webhook_secret_previous is not in the store\nhint: did you mean clerk.webhook_secret?\n",
    );
    home.run(&["diff", "-q"]).success();
}

const PASTED_HOOK: &str = r"clerk.webhook_secret: look whether it can be done (0.0 s)
clerk.webhook_secret: ask for the new signing secret of the webhook
  make a new signing secret of the webhook, and leave the old one as it is:
    add a second endpoint with the same URL and the same events, and copy its signing secret
    from then on every event comes twice, and until the programs know both secrets one of the two fails its check
  https://dashboard.example.com/webhooks
  (Ctrl-C leaves it for later)
signing secret (not shown):
clerk.webhook_secret: ask for the new signing secret of the webhook (0.0 s)
server web: staged (0.0 s)
server web: in place (0.0 s)
server web: applied (0.0 s)
server web: healthy (0.0 s)
server web: committed (0.0 s)
clerk.webhook_secret: give it to the programs (0.0 s)
clerk.webhook_secret: prove that it works (0.0 s)
clerk.webhook_secret: keep the old signing secret of the webhook for a while (0.0 s)
clerk.webhook_secret: ask for the end of the old signing secret of the webhook
  end the signing secret of the webhook from before; the new one stays:
    delete the endpoint that has it
  https://dashboard.example.com/webhooks
  (Ctrl-C leaves it for later)
done? [y/N]
error: clerk.webhook_secret: waits for a person: ask for the end of the old signing secret of the webhook
hint: `luca-secrets rotate --resume clerk.webhook_secret` at a terminal goes on, on any machine and whenever it suits
";
const DONE_HOOK: &str = r"clerk.webhook_secret: ask for the end of the old signing secret of the webhook
  end the signing secret of the webhook from before; the new one stays:
    delete the endpoint that has it
  https://dashboard.example.com/webhooks
  (Ctrl-C leaves it for later)
done? [y/N] y
clerk.webhook_secret: ask for the end of the old signing secret of the webhook (0.0 s)
server web: staged (0.0 s)
server web: in place (0.0 s)
server web: applied (0.0 s)
server web: healthy (0.0 s)
server web: committed (0.0 s)
clerk.webhook_secret: take the old signing secret of the webhook away from the programs (0.0 s)
clerk.webhook_secret: prove that the old signing secret of the webhook is refused (0.0 s)
ok: clerk.webhook_secret: rotated (0.0 s)
";

#[test]
#[ignore = "needs sshd and python3; run tests/run"]
fn both_secrets_are_accepted_on_the_way_back_too() {
    let stand = Stand::start();
    let team = application(&stand, "2d");
    let rotate = |more: &[&str], answers: &[&str]| {
        let arguments: Vec<&str> = ["rotate", "--yes"].iter().chain(more).copied().collect();
        team.world.run(&arguments).at(NOW).answers(answers).done()
    };
    let done = rotate(&["clerk.webhook_secret"], &[NEW]);
    assert_eq!((done.code, accepts(&stand)), (0, (Answer::Accepted, Answer::Accepted)), "{}", done.stderr);
    // Nobody has ended the new endpoint yet.
    let done = rotate(&["--undo", "clerk.webhook_secret"], &[]);
    assert_eq!((done.code, accepts(&stand)), (4, (Answer::Accepted, Answer::Accepted)), "{}", done.stderr);
    assert!(team.env().contains(&format!("SECRET={OLD}")), "{}", team.env());
    let done = rotate(&["--resume"], &["y"]);
    assert_eq!((done.code, accepts(&stand)), (0, (Answer::Accepted, Answer::Refused)), "{}", done.stderr);
    assert_eq!(value_of(&team.machine(), "clerk.webhook_secret"), OLD);

    // An application that forgets the old secret at once loses events: that is seen, and taken back.
    stand.set(&json!({ "only": "CLERK_WEBHOOK_SECRET" }));
    let done = rotate(&["clerk.webhook_secret"], &[NEW]);
    assert!(
        done.stderr.contains("the endpoint refuses an event signed with the secret before"),
        "{}",
        done.stderr
    );
    assert!(team.env().contains(&format!("SECRET={OLD}")), "{}", team.env());
    rotate(&["--resume"], &["y"]);
    // Somebody else's secret in the place of the one before.
    let set = ["set", "-q", "clerk.webhook_secret_previous"];
    team.world.run(&set).stdin(NEW).success();
    team.world.run(&["push", "-q", "--yes"]).success();
    let done = rotate(&["clerk.webhook_secret"], &[]);
    assert_eq!(done.code, 4);
    assert!(
        done.stderr
            .contains("clerk.webhook_secret_previous is set, so that programs accept a further signing"),
        "{}",
        done.stderr
    );
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_webhook_without_an_endpoint_is_taken_up_days_later_where_only_the_home_is() {
    let team = Team::new(&hook("grace = \"2d\""), "SECRET = \"{{ clerk.webhook_secret }}\"\n");
    team.begin(&[("clerk.webhook_secret", OLD)]);
    let done = team.world.run(&["rotate", "--yes", "clerk.webhook_secret"]).at(NOW).answers(&[NEW]).done();
    assert_shown(&team.plain(&done.stderr, &[]), GIVEN_HOOK, &[OLD, NEW]);
    assert_eq!(done.code, 0);
    assert!(team.env().contains(NEW));
    let resume = ["rotate", "--yes", "--resume"];
    // Too early, and with nobody there.
    let early = team.machine().run(&resume).at(DAY_LATER).done();
    assert_shown(&team.plain(&early.stderr, &[]), EARLY_HOOK, &[OLD, NEW]);
    assert_eq!(early.code, 0);
    let late = team.machine().run(&resume).at(DAYS_LATER).done();
    assert_shown(&team.plain(&late.stderr, &[]), LATE_HOOK, &[OLD, NEW]);
    assert_eq!(late.code, 4);
    let done = team.machine().run(&resume).at(DAYS_LATER).answers(&["y"]).done();
    assert_shown(&team.plain(&done.stderr, &[]), ENDED_HOOK, &[OLD, NEW]);
    assert_eq!(done.code, 0);
    assert_eq!(value_of(&team.machine(), "clerk.webhook_secret"), NEW);
}

const GIVEN_HOOK: &str = r"clerk.webhook_secret: look whether it can be done (0.0 s)
clerk.webhook_secret: ask for the new signing secret of the webhook
  make a new signing secret of the webhook, and leave the old one as it is:
    add a second endpoint with the same URL and the same events, and copy its signing secret
    from then on every event comes twice, and one of the two fails its check
  https://dashboard.example.com/webhooks
  (Ctrl-C leaves it for later)
clerk.webhook_secret: ask for the new signing secret of the webhook (0.0 s)
server web: staged (0.0 s)
server web: in place (0.0 s)
server web: applied (0.0 s)
server web: healthy (0.0 s)
server web: committed (0.0 s)
clerk.webhook_secret: give it to the programs (0.0 s)
ok: clerk.webhook_secret: in use; the old one is ended later, not before 2026-11-25T12:00:00Z: keep the old signing secret of the webhook for a while
hint: `luca-secrets rotate --resume clerk.webhook_secret` goes on then, and `rotate --due` does by itself; `luca-secrets rotate --undo clerk.webhook_secret` takes it back
";
const EARLY_HOOK: &str = r"ok: clerk.webhook_secret: in use; the old one is ended later, not before 2026-11-25T12:00:00Z: keep the old signing secret of the webhook for a while
hint: `luca-secrets rotate --resume clerk.webhook_secret` goes on then, and `rotate --due` does by itself; `luca-secrets rotate --undo clerk.webhook_secret` takes it back
";
const LATE_HOOK: &str = r"clerk.webhook_secret: keep the old signing secret of the webhook for a while (0.0 s)
error: clerk.webhook_secret: waits for a person: ask for the end of the old signing secret of the webhook
hint: `luca-secrets rotate --resume clerk.webhook_secret` at a terminal goes on, on any machine and whenever it suits
";
const ENDED_HOOK: &str = r"clerk.webhook_secret: ask for the end of the old signing secret of the webhook
  end the signing secret of the webhook from before; the new one stays:
    delete the endpoint that has it
  https://dashboard.example.com/webhooks
  (Ctrl-C leaves it for later)
clerk.webhook_secret: ask for the end of the old signing secret of the webhook (0.0 s)
ok: clerk.webhook_secret: rotated (0.0 s)
";
