//! Tests of choosing and validating environments, and of conflicts between them.

use super::*;
use crate::manifest::StateLocation;

/// A manifest with the environment `prod` on Confluent Cloud.
const PROD: &str = "[project]\nname = \"t\"\n[environments.prod]\norganization = \"b0b21724-4586-4a07-b787-d0bb5aacbf87\"\nid = \"env-z3y2x1\"\ncloud = \"AWS\"\nregion = \"us-east-1\"\n";

/// Returns a project with the environment `prod` and `more` in its table.
fn prod(more: &str) -> ProjectFixture {
    ProjectFixture::from_manifest(&format!("{PROD}{more}"))
}

#[test]
fn a_real_environment_has_its_declared_identity() {
    let project = prod("protected = true\nname_prefix = \"p-\"\nrequests_per_second = 10\nprivate = true\n").load();
    let environment = project.environment;
    assert_eq!(environment.identity.cloud, "aws");
    assert_eq!(environment.identity.environment, "env-z3y2x1");
    assert_eq!(environment.state, StateLocation::File("state/prod.json".into()));
    assert_eq!((environment.protected, environment.requests_per_second, environment.private), (true, Some(10), true));
    assert!(environment.simulator.is_none());
}

#[test]
fn a_simulated_environment_has_fixed_ids() {
    let environment = ProjectFixture::from_manifest("[project]\nname = \"t\"\n[environments.local]\nsimulator = true\npace = \"real\"\ncatalog = \"strict\"\nscenario = \"faults.toml\"\n").with_file("faults.toml", "").load().environment;
    assert_eq!(environment.identity.organization, "00000000-0000-0000-0000-000000000000");
    assert_eq!(environment.identity.environment, "env-sim-local");
    let simulated = environment.simulator.unwrap();
    assert!(simulated.real_pace && simulated.strict_catalog);
    assert_eq!(simulated.scenario.as_deref(), Some(Path::new("faults.toml")));
}

#[test]
fn missing_required_fields_are_reported() {
    ProjectFixture::from_manifest("[project]\nname = \"t\"\n[environments.prod]\n").assert_problems(&[
        ("`environments.prod` has no `cloud`", &["[environments.prod]"]),
        ("`environments.prod` has no `id`", &["[environments.prod]"]),
        ("`environments.prod` has no `organization`", &["[environments.prod]"]),
        ("`environments.prod` has no `region`", &["[environments.prod]"]),
    ]);
    ProjectFixture::from_manifest("[environments.local]\nsimulator = true\n")
        .assert_problems(&[("the project has no name", &[])]);
    ProjectFixture::from_manifest("[project]\nname = \"t\"\n").assert_one_problem(
        "the project has no environment",
        &[],
        "[environments.local]",
    );
}

#[test]
fn malformed_ids_are_errors() {
    ProjectFixture::from_manifest("[project]\nname = \"t\"\n[environments.prod]\norganization = \"acme\"\nid = \"prod\"\ncloud = \"awss\"\nregion = \"US East\"\n").assert_problems(&[
        ("`acme` is not a valid organization id", &["\"acme\""]),
        ("`prod` is not a valid `id`", &["\"prod\""]),
        ("`cloud` cannot be \"awss\"", &["\"awss\""]),
        ("`US East` is not a valid region", &["\"US East\""]),
    ]);
}

#[test]
fn the_environment_is_the_given_one_else_the_only_one_else_local() {
    let both = || ProjectFixture::new("[environments.dev]\nsimulator = true\n");
    assert_eq!(both().load().environment.name, "local");
    assert_eq!(both().with_environment("dev").load().environment.name, "dev");
    assert_eq!(prod("").load().environment.name, "prod");
    both().with_environment("dve").assert_one_problem("there is no environment `dve`", &[], "Did you mean `dev`?");
    prod("[environments.dev]\nsimulator = true\n").assert_one_problem(
        "no environment is selected",
        &[],
        "Choose one of `dev`, `prod` with `--env`.",
    );
}

#[test]
fn the_rest_is_checked_when_no_environment_can_be_chosen() {
    let rest = "[defaults]\nproperties = { \"sql.current-catalog\" = \"${catalog}\" }\n[pools.small]\nmax_cfu = 3\n\
                [statements.a]\nsql = \"CREATE TABLE a (x INT)\"\npool = \"none\"\n\
                [statements.b]\nsql = \"CREATE TABLE ${b} (x INT)\"\n[statements.c]\nsql = \"SET 'a' = 'b'\"\n";
    let pool = ("there is no pool `none`", &["\"none\""][..]);
    let found = ProjectFixture::from_manifest(&format!("[project]\nname = \"t\"\n{rest}")).problems();
    let messages: Vec<&str> = found.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages[0], "the project has no environment");
    assert!(messages.contains(&pool.0) && messages.iter().any(|said| said.contains("max_cfu")), "{messages:?}");
    assert!(
        messages.iter().any(|said| said.contains("affects only its own session"))
            && !messages.iter().any(|said| said.contains("${")),
        "{messages:?}"
    );
    // A declaration that an overlay of any environment may complete is not checked.
    let two = "[environments.x]\nsimulator = true\n[environments.y]\nsimulator = true\n";
    let overlaid = "[pools.p]\n[environments.x.pools.p]\nmax_cfu = 5\n[statements.s]\n\
                    [environments.x.statements.s]\nsql = \"CREATE TABLE a (x INT)\"\n";
    ProjectFixture::from_manifest(&format!(
        "[project]\nname = \"t\"\n{two}{overlaid}[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\npool = \"none\"\n"
    ))
    .assert_problems(&[("no environment is selected", &[]), pool]);
}

#[test]
fn an_include_with_an_undefined_variable_suppresses_missing_references() {
    let text = "[project]\nname = \"t\"\ninclude = [\"${folder}/*.toml\"]\n[environments.local]\nsimulator = true\n\
                [statements.a]\nsql = \"CREATE TABLE a (x INT)\"\npool = \"main\"\n";
    ProjectFixture::from_manifest(text).assert_problems(&[("variable `folder` is not defined", &["${folder}"])]);
}

#[test]
fn a_project_name_with_control_characters_is_refused() {
    let named = |name: &str| {
        ProjectFixture::from_manifest(&format!(
            "[project]\nname = \"{name}\"\n[environments.local]\nsimulator = true\n"
        ))
    };
    for name in ["p\\u001b[31mred", "two\\nlines", "p\\u0085"] {
        named(name).assert_problems(&[("the project name contains a control character", &[&format!("\"{name}\"")])]);
    }
    named("größe 1").load();
}

#[test]
fn endpoints_must_be_https_or_loopback_origins() {
    for (good, origin) in [
        ("https://flink.pr1jy6.us-east-2.aws.confluent.cloud", "https://flink.pr1jy6.us-east-2.aws.confluent.cloud"),
        ("https://h:8443/", "https://h:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:1", "http://localhost:1"),
        ("http://[::1]:1", "http://[::1]:1"),
    ] {
        let project = prod(&format!("endpoint = \"{good}\"\ncloud_endpoint = \"{good}\"\n")).load();
        assert_eq!(project.environment.endpoint.as_deref(), Some(origin));
        assert_eq!(project.environment.cloud_endpoint.as_deref(), Some(origin));
    }
    for bad in [
        "http://example.com",
        "ftp://h",
        "h",
        "https://h/sql/v1",
        "https://u:p@h",
        "https://h?x=1",
        "http://127.0.0.1.evil.com",
    ] {
        prod(&format!("endpoint = \"{bad}\"\n"))
            .assert_problems(&[("`endpoint` is not an allowed origin", &[&format!("\"{bad}\"")])]);
    }
    prod("private = true\nendpoint = \"https://h\"\n")
        .assert_problems(&[("`private` and `endpoint` cannot be set together", &["\"https://h\"", "true"])]);
}

#[test]
fn state_must_be_a_file_path() {
    assert_eq!(prod("state = \"x/y.json\"\n").load().environment.state, StateLocation::File("x/y.json".into()));
    prod("state = \"s3://bucket/x\"\n").assert_one_problem(
        "this build does not support shared state yet",
        &["\"s3://bucket/x\""],
        "state/prod.json",
    );
    prod("state = \"ftp://x\"\n").assert_problems(&[("cannot keep state at `ftp://`", &["\"ftp://x\""])]);
    prod("state = \"state/\"\n").assert_problems(&[("`state` does not name a file", &["\"state/\""])]);
}

#[test]
fn environments_with_the_same_id_need_different_prefixes() {
    let twin = "[environments.next]\nsimulator = false\norganization = \"b0b21724-4586-4a07-b787-d0bb5aacbf87\"\nid = \"env-z3y2x1\"\ncloud = \"aws\"\nregion = \"us-east-1\"\n";
    prod(twin).with_environment("prod").assert_one_problem(
        "`next` and `prod` are the same Confluent environment, `env-z3y2x1`",
        &["\"env-z3y2x1\"", "\"env-z3y2x1\""],
        "name_prefix",
    );
    prod(&format!("{twin}name_prefix = \"n-\"\n")).with_environment("prod").load();
    prod("state = \"s.json\"\n[environments.dev]\nsimulator = true\nstate = \"s.json\"\n")
        .with_environment("prod")
        .assert_problems(&[(
            "`dev` and `prod` would keep their state in the same file, `s.json`",
            &["\"s.json\"", "\"s.json\""],
        )]);
}

#[test]
fn environments_must_not_share_a_state_file() {
    let two = |one: &str, other: &str| {
        let dev = format!("state = \"{one}\"\n[environments.dev]\nsimulator = true\nstate = \"{other}\"\n");
        prod(&dev).with_environment("prod")
    };
    for (one, other) in [("st/s", "st/s.json"), ("st/s.journal", "st/s.json"), ("st/s.json", "st/s.world")] {
        let message = format!("`dev` and `prod` would share a file next to their state files, `{other}` and `{one}`");
        two(one, other).assert_problems(&[(&message, &[&format!("\"{one}\""), &format!("\"{other}\"")])]);
    }
    for one in ["./st/../st/s.json", "st//s.json", "st/./s.json"] {
        let message = format!("`dev` and `prod` would keep their state in the same file, `{one}`");
        two(one, "st/s.json").assert_problems(&[(&message, &[&format!("\"{one}\""), "\"st/s.json\""])]);
    }
    for (one, other) in [("st/s.v1", "st/s.v2"), ("st/s.json", "su/s.json"), ("st/s", "st/s2.json")] {
        two(one, other).load();
    }
}

#[test]
fn settings_without_effect_are_errors() {
    prod("pace = \"real\"\n").assert_problems(&[("`pace` has no effect without `simulator = true`", &["\"real\""])]);
    ProjectFixture::from_manifest("[project]\nname = \"t\"\n[environments.x]\nsimulator = true\nid = \"env-1\"\n")
        .assert_problems(&[("`id` has no effect with `simulator = true`", &["\"env-1\""])]);
    prod("name_prefix = \"Prod_\"\n").assert_problems(&[("`Prod_` is not a valid `name_prefix`", &["\"Prod_\""])]);
    prod("requests_per_second = 0\n").assert_problems(&[("`requests_per_second` is out of range", &["0"])]);
}

#[test]
fn overlays_of_undeclared_objects_are_errors_in_every_environment() {
    let more = "[pools.main]\nmax_cfu = 5\n[statements.orders]\nsql = \"CREATE TABLE a (x INT)\"\n[environments.dev]\nsimulator = true\n[environments.dev.statements.ordres]\nstopped = true\n[environments.dev.pools.man]\nmax_cfu = 5\n";
    ProjectFixture::new(more).assert_problems(&[
        (
            "environment `dev` overlays `statements.ordres`, which is not declared",
            &["[environments.dev.statements.ordres]"],
        ),
        ("environment `dev` overlays `pools.man`, which is not declared", &["[environments.dev.pools.man]"]),
    ]);
}

#[test]
fn evolve_of_an_environment_overrides_defaults_but_not_statements() {
    use crate::resource::Evolve;
    let floe = "[project]\nname = \"t\"\n[defaults]\nevolve = \"restart\"\n[environments.local]\nsimulator = true\nevolve = \"manual\"\n[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n[statements.b]\nsql = \"CREATE TABLE b (x INT)\"\nevolve = \"auto\"\n";
    let project = ProjectFixture::from_manifest(floe).load();
    assert_eq!(project.statements["a"].spec.evolve, Evolve::Manual);
    assert_eq!(project.statements["b"].spec.evolve, Evolve::Auto);
}

#[test]
fn a_missing_scenario_file_is_an_error() {
    ProjectFixture::from_manifest(
        "[project]\nname = \"t\"\n[environments.local]\nsimulator = true\nscenario = \"faults.toml\"\n",
    )
    .assert_problems(&[("there is no file `faults.toml`", &["\"faults.toml\""])]);
}

#[test]
fn one_cloud_name_in_two_environments_with_the_same_id_is_an_error() {
    let twin = "[environments.next]\norganization = \"b0b21724-4586-4a07-b787-d0bb5aacbf87\"\nid = \"env-z3y2x1\"\ncloud = \"aws\"\nregion = \"us-east-1\"\nname_prefix = \"n-\"\n[statements.a]\nname = \"orders\"\nsql = \"CREATE TABLE a (x INT)\"\n[statements.n-b]\nsql = \"CREATE TABLE b (x INT)\"\n[statements.b]\nsql = \"CREATE TABLE c (x INT)\"\n";
    prod(twin).with_environment("prod").assert_problems(&[
        (
            "`prod` and `next` are the same Confluent environment, and both would have a statement named `orders`",
            &["\"orders\"", "[statements.a]"],
        ),
        (
            "`prod` and `next` are the same Confluent environment, and both would have a statement named `n-b`",
            &["[statements.b]", "[statements.n-b]"],
        ),
    ]);
}

#[test]
fn sql_in_another_environments_overlay_is_checked_too() {
    let more = "[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\n[environments.dev]\nsimulator = true\n[environments.dev.statements.a]\n";
    ProjectFixture::new(&format!("{more}sql_file = \"b.sql\"\n"))
        .assert_problems(&[("there is no file `b.sql`", &["\"b.sql\""])]);
    ProjectFixture::new(&format!("{more}sql = \"SELECT ${{not_here}}\"\n")).load();
    let problems = ProjectFixture::new(&format!("{more}sql = \"SELECT 1\"\n")).problems();
    assert_eq!(text_at(&problems[0].locations[0].0), "SELECT");
}

#[test]
fn every_environment_is_checked_whichever_is_chosen() {
    ProjectFixture::new(
        "[environments.prod]\norganization = \"acme\"\nid = \"env-1\"\ncloud = \"aws\"\nevolve = \"never\"\n",
    )
    .assert_problems(&[
        ("`acme` is not a valid organization id", &["\"acme\""]),
        ("`evolve` cannot be \"never\"", &["\"never\""]),
    ]);
}

#[test]
fn an_invalid_environment_does_not_hide_other_problems() {
    ProjectFixture::from_manifest("[project]\nname = \"t\"\n[environments.prod]\nid = \"x\"\nname_prefix = \"${p}\"\n")
        .with_file("statements/a.toml", "[statements.a]\nsql = \"CREATE TABLE a (x INT)\"\npool = \"nope\"\n")
        .assert_problems(&[
            ("`environments.prod` has no `cloud`", &["[environments.prod]"]),
            ("`environments.prod` has no `organization`", &["[environments.prod]"]),
            ("`environments.prod` has no `region`", &["[environments.prod]"]),
            ("`x` is not a valid `id`", &["\"x\""]),
            ("variable `p` is not defined", &["${p}"]),
            ("there is no pool `nope`", &["\"nope\""]),
        ]);
}

#[test]
fn cloud_names_must_be_valid_in_every_environment() {
    let key = "a".repeat(60);
    ProjectFixture::new(&format!("[statements.{key}]\nsql = \"CREATE TABLE a (x INT)\"\n[environments.dev]\nsimulator = true\nname_prefix = \"feature-\"\n"))
        .assert_problems(&[(&format!("in environment `dev`, the cloud name `feature-{key}` is 68 characters long"), &[&format!("[statements.{key}]")])]);
}
