//! Which processes count as alive, and what is kept about them.

use std::process::{Command, Stdio};

use haltpoint_engine::store::holder::{Expiry, Holder, Liveness, ProcessLiveness, may_be_taken};

use crate::support::{Deaths, TestFile, acquire, at, beside, create, execute_all, holder, release};

fn here(pid: u32, started: u64) -> Holder {
    Holder {
        pid,
        started,
        ..Holder::this_process("t".into())
    }
}

#[test]
fn this_process_is_alive() {
    let holder = Holder::this_process("t".into());
    assert_eq!(holder.pid, std::process::id());
    assert_eq!(ProcessLiveness::new().is_alive(&holder), Some(true));
}

#[test]
fn another_process_of_the_same_id_is_somebody_else() {
    let this = Holder::this_process("t".into());
    assert_eq!(
        ProcessLiveness::new().is_alive(&here(this.pid, this.started + 1)),
        Some(false)
    );
}

/// The holder's place with one part of it replaced, or left out.
fn moved(holder: &Holder, part: &str, value: Option<&str>) -> Holder {
    let words = holder.host.split(' ').filter_map(|word| match word.split_once('=') {
        Some((name, _)) if name == part => value.map(|value| format!("{name}={value}")),
        _ => Some(word.to_owned()),
    });
    Holder {
        host: words.collect::<Vec<_>>().join(" ").into(),
        ..holder.clone()
    }
}

#[test]
fn a_living_process_that_may_be_the_holder_is_not_taken_for_another() {
    let this = Holder::this_process("t".into());
    let later = here(this.pid, this.started + 1);
    for elsewhere in [
        moved(&later, "timens", Some("7")),
        moved(&later, "timens", None),
        moved(&later, "pidns", Some("7")),
        moved(&later, "pidns", Some("0")),
        moved(&later, "boot", None),
        moved(&later, "boot", Some("unknown")),
        here(this.pid, 0),
        here(0, this.started),
        here(u32::MAX, this.started),
    ] {
        assert_eq!(ProcessLiveness::new().is_alive(&elsewhere), None, "{elsewhere:?}");
    }
}

#[test]
fn an_id_that_no_process_has_is_proof_whatever_the_clocks() {
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let gone = here(child.id(), 1);
    for gone in [moved(&gone, "timens", None), here(child.id(), 0), gone] {
        assert_eq!(ProcessLiveness::new().is_alive(&gone), Some(false), "{gone:?}");
    }
}

#[test]
fn the_name_of_the_machine_says_nothing() {
    let this = Holder::this_process("t".into());
    let (_, place) = this.host.split_once(' ').unwrap();
    let renamed = Holder {
        host: format!("renamed {place}").into(),
        ..this.clone()
    };
    let liveness = ProcessLiveness::new();
    assert_eq!(liveness.is_alive(&renamed), Some(true));
    assert!(liveness.shared_clock(&renamed).is_some());
    assert_eq!(liveness.shared_clock(&moved(&this, "timens", Some("7"))), None);
    assert_eq!(liveness.shared_clock(&moved(&this, "boot", Some("7"))), None);
}

#[test]
fn only_expiry_tells_about_processes_of_other_machines() {
    let elsewhere = Holder {
        host: "elsewhere boot=2".into(),
        ..Holder::this_process("t".into())
    };
    assert_eq!(ProcessLiveness::new().is_alive(&elsewhere), None);
}

#[test]
fn a_process_that_ended_is_dead_even_before_its_parent_looks() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let started = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .nth(19)
        .unwrap()
        .parse()
        .unwrap();
    let holder = here(child.id(), started);
    let liveness = ProcessLiveness::new();
    assert_eq!(liveness.is_alive(&holder), Some(true));
    child.kill().unwrap();
    while liveness.is_alive(&holder) == Some(true) {
        std::thread::yield_now();
    }
    assert!(
        std::path::Path::new(&format!("/proc/{}", child.id())).exists(),
        "the dead process was still there"
    );
    child.wait().unwrap();
    assert_eq!(liveness.is_alive(&holder), Some(false));
}

#[test]
fn a_lease_may_be_taken_when_it_expired_or_its_holder_is_dead() {
    let (deaths, present) = (Deaths::default(), holder("a"));
    let expiry = Expiry::by_wall_clock(at(10));
    assert!(!may_be_taken(&deaths, &present, expiry, at(9)));
    assert!(may_be_taken(&deaths, &present, expiry, at(10)));
    deaths.kill(&present);
    assert!(may_be_taken(&deaths, &present, expiry, at(9)));
}

#[test]
fn a_holder_is_shown_by_process_and_machine_name() {
    let shown = Holder {
        host: "box boot=1 pidns=2".into(),
        ..holder("a")
    }
    .to_string();
    assert_eq!(shown, "process 7 on box");
}

#[test]
fn a_holder_has_one_row_however_many_runs_it_holds_and_none_when_it_is_long_gone() {
    let file = TestFile::new();
    let mut store = file.store();
    let holders = || beside(&file.path()).query_row("SELECT count(*) FROM holders", [], |row| row.get::<_, i64>(0));
    execute_all(&mut store, vec![create("r", "a"), create("s", "a"), create("t", "b")]);
    assert_eq!(holders().unwrap(), 2);
    execute_all(
        &mut store,
        vec![release("r", 1), release("s", 1), acquire("r", "c", 5_000)],
    );
    assert_eq!(holders().unwrap(), 2, "a is forgotten, b still holds t, c is new");
}

#[test]
fn only_of_a_holder_of_another_boot_the_wall_clock_is_enough() {
    let liveness = ProcessLiveness::new();
    let this = Holder::this_process("t".into());
    let of = |host: &str| Holder {
        host: host.into(),
        ..this.clone()
    };
    for unsure in [&*this.host, "elsewhere", "unknown pidns=7", "elsewhere boot=unknown"] {
        let clocks = [liveness.own_clock(&of(unsure)), liveness.own_clock(&of(unsure))].map(Option::unwrap);
        assert_eq!(clocks[0].clock, clocks[1].clock, "{unsure}");
        assert!(clocks[0].time <= clocks[1].time, "{unsure}");
    }
    let is_known = this.host.contains("boot=");
    assert_eq!(liveness.own_clock(&of("elsewhere boot=another")).is_none(), is_known);
}
