//! What is wrong at a start is said in one line that names it, with an exit code that tells "fix it" from "try again".
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::net::TcpListener;

use muster::process::ServiceName;
use muster_engines::Durability;
use muster_kit::Exit;
use muster_tests::{Ended, Rig, RigOptions, muster_program, run_to_end};

/// Runs `muster` with arguments and settings until it ends.
async fn run(command: &[&str], settings: &[String]) -> Ended {
    let mut arguments: Vec<String> = command.iter().map(|&argument| argument.to_owned()).collect();
    for setting in settings {
        arguments.extend(["--set".to_owned(), setting.clone()]);
    }
    run_to_end(muster_program(), &arguments).await.unwrap()
}

/// One line, with the code, that holds every word.
fn assert_said(ended: &Ended, exit: Exit, words: &[&str]) {
    assert_eq!(ended.code, Some(i32::from(exit.code())), "{}", ended.said);
    let [line] = ended.errors.as_slice() else { panic!("not one line: {}", ended.said) };
    for word in words {
        assert!(line.contains(word), "{word:?} is not in: {line}");
    }
}

fn text(settings: &[&str]) -> Vec<String> {
    settings.iter().map(|&setting| setting.to_owned()).collect()
}

/// A port where nobody listens.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

const SERVICES: [&str; 6] = ["recorder", "scheduler", "evaluator", "watcher", "gateway", "scanner"];

#[tokio::test]
async fn an_unknown_key_is_named_with_its_place_and_the_nearest() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("muster.toml");
    std::fs::write(&file, "[bus]\nurl = \"nats://127.0.0.1:4222\"\nusr = \"x\"\n").unwrap();
    for service in SERVICES {
        let ended = run(&["serve", service, "--config", file.to_str().unwrap()], &[]).await;
        assert_said(&ended, Exit::Usage, &["bus.usr", "line 3", "user"]);
    }
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_named_with_its_place() {
    for (service, setting, word) in [
        ("recorder", "recorder.linger_ms=soon", "recorder.linger_ms"),
        ("scheduler", "scheduler.tick_ms=-1", "scheduler.tick_ms"),
        ("gateway", "kit.admin_listen=nowhere", "kit.admin_listen"),
    ] {
        assert_said(&run(&["serve", service], &text(&[setting])).await, Exit::Usage, &[word]);
    }
}

#[tokio::test]
async fn an_engine_that_cannot_be_reached_is_named_with_its_address() {
    let port = free_port();
    let nowhere = format!("bus.url=nats://127.0.0.1:{port}");
    for service in SERVICES {
        let ended = run(&["serve", service], std::slice::from_ref(&nowhere)).await;
        assert_said(&ended, Exit::Unavailable, &["NATS", &port.to_string(), "bus.url"]);
    }
    let ended = run(&["provision"], &[nowhere]).await;
    assert_eq!(ended.code, Some(i32::from(Exit::Unavailable.code())), "{}", ended.said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_an_engine_is_one_line() {
    let rig = Rig::start(RigOptions::default()).await.unwrap();
    let directory = rig.directory().to_owned();
    let wrong = directory.join("wrong");
    std::fs::write(&wrong, "not the password").unwrap();
    let settings = |service: ServiceName, more: &[String]| -> Vec<String> {
        rig.stack.settings_of(service).unwrap().into_iter().chain(more.iter().cloned()).collect()
    };
    let with = |key: &str, value: &str| format!("{key}={value}");
    let secret = |name: &str| directory.join("stack/secrets").join(name).display().to_string();

    // ClickHouse is not there.
    let port = free_port();
    for service in [ServiceName::Recorder, ServiceName::Evaluator, ServiceName::Gateway] {
        let nowhere = [with("store.url", &format!("http://127.0.0.1:{port}"))];
        let ended = run(&["serve", service.name()], &settings(service, &nowhere)).await;
        assert_said(&ended, Exit::Unavailable, &["ClickHouse", &port.to_string(), "store.url"]);
    }

    // A wrong password.
    let recorder = ServiceName::Recorder;
    for (key, words) in [
        ("bus.password.file", ["NATS", "wrong user or password", "bus.password"]),
        ("store.password.file", ["ClickHouse", "user or password is wrong", "store.password"]),
    ] {
        let ended = run(&["serve", "recorder"], &settings(recorder, &[with(key, &wrong.display().to_string())])).await;
        assert_said(&ended, Exit::Permission, &words);
    }

    // A user that may not do what the service has to.
    rig.stack.settings_of(ServiceName::Watcher).unwrap();
    rig.stack.settings_of(ServiceName::Evaluator).unwrap();
    let other = [with("bus.user", "watcher"), with("bus.password.file", &secret("watcher.bus"))];
    let ended = run(&["serve", "recorder"], &settings(recorder, &other)).await;
    assert_said(&ended, Exit::Permission, &["\"watcher\"", "lacks the permission"]);
    let other = [with("store.user", "evaluator"), with("store.password.file", &secret("evaluator.store"))];
    let ended = run(&["serve", "recorder"], &settings(recorder, &other)).await;
    assert_said(&ended, Exit::Permission, &["\"evaluator\"", "permission is missing", "INSERT"]);

    // An occupied port.
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (service, key) in [(recorder, "kit.admin_listen"), (ServiceName::Gateway, "gateway.listen")] {
        let ended = run(&["serve", service.name()], &settings(service, &[with(key, &address)])).await;
        assert_said(&ended, Exit::CannotCreate, &[&address]);
    }
    let port = taken.local_addr().unwrap().port().to_string();
    let up = [with("up.nats_port", &port), with("up.data_dir", &directory.join("up").display().to_string())];
    let ended = run(&["up"], &up).await;
    assert_said(&ended, Exit::CannotCreate, &["nats-server", &port]);

    rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engines_that_answer_before_they_sync_are_named() {
    for durability in [Durability::Relaxed, Durability::EveryWrite] {
        let monitoring = free_port();
        let options = RigOptions {
            durable: durability == Durability::EveryWrite,
            nats_monitoring: Some(monitoring),
            ..RigOptions::default()
        };
        let rig = Rig::start(options).await.unwrap();
        let settings = rig.stack.admin_settings().unwrap();
        let url = format!("http://127.0.0.1:{monitoring}");
        let ended = run(&["provision", "--nats-monitoring", &url], &settings).await;
        match durability {
            Durability::EveryWrite => assert_eq!(ended.code, Some(0), "{}", ended.said),
            Durability::Relaxed => {
                assert_said(&ended, Exit::Usage, &["fsync_after_insert", "sync_interval", &url]);
                let accepted = run(&["provision", "--accept-weak-durability"], &settings).await;
                assert_eq!(accepted.code, Some(0), "{}", accepted.said);
                assert!(accepted.said.contains("fsync_after_insert"), "{}", accepted.said);
            }
        }
        rig.stop().await.unwrap();
    }
}
