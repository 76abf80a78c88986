//! The identity of a state: what is generated once for it, and the check that it belongs to the environment.

use super::Recorded;
use crate::resource::{EnvironmentIdentity, HashKey};

/// The error for a state that belongs to another environment than the project's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this state belongs to {}, but the project's environment is {}: choose the state file of that environment, or the \
     environment that this state belongs to",
    describe_environment(.recorded), describe_environment(.desired)
)]
pub struct EnvironmentMismatch {
    /// The environment of the state.
    pub recorded: EnvironmentIdentity,
    /// The environment of the project.
    pub desired: EnvironmentIdentity,
}

/// Checks that `recorded` belongs to `environment`. Call this before using the record.
pub fn check_environment(
    recorded: &Recorded,
    environment: &EnvironmentIdentity,
) -> Result<(), Box<EnvironmentMismatch>> {
    if recorded.environment.matches_environment(environment) {
        return Ok(());
    }
    Err(Box::new(EnvironmentMismatch { recorded: recorded.environment.clone(), desired: environment.clone() }))
}

/// Returns a new lineage in the form of a random UUID. `random` is the run's only seeded source.
pub fn new_lineage(random: &mut fastrand::Rng) -> String {
    let bits = random.u128(..);
    let (a, b, c) = ((bits >> 96) as u32, (bits >> 80) as u16, (bits >> 64) as u16 & 0x0fff);
    let (d, e) = ((bits >> 48) as u16 & 0x3fff, bits as u64 & 0xffff_ffff_ffff);
    format!("{a:08x}-{b:04x}-4{c:03x}-{:04x}-{e:012x}", d | 0x8000)
}

/// Returns a new key for the hashes of secrets: 256 bits in hex. `random` is the run's only seeded source.
pub fn new_hash_key(random: &mut fastrand::Rng) -> HashKey {
    HashKey(format!("{:032x}{:032x}", random.u128(..), random.u128(..)))
}

/// Returns a description of an environment for error messages.
fn describe_environment(environment: &EnvironmentIdentity) -> String {
    let EnvironmentIdentity { organization, environment, cloud, region } = environment;
    format!("{environment} ({cloud} {region}, organization {organization})")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_lineage_and_key() {
        let made = |seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            (new_lineage(&mut random), new_hash_key(&mut random))
        };
        assert_eq!(made(7), made(7));
        assert_ne!(made(7).0, made(8).0);
        assert_ne!(made(7).1, made(8).1);
        let (lineage, key) = made(7);
        assert_eq!(lineage.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(lineage.split('-').nth(2).unwrap().chars().next(), Some('4'));
        assert_eq!(key.0.len(), 64);
    }

    #[test]
    fn simulated_environments_are_distinct_and_a_state_with_the_shared_id_is_accepted() {
        let of = |environment: &str| EnvironmentIdentity::simulated(environment, "aws".into(), "us-east-1".into());
        assert_eq!(of("dev").environment, "env-sim-dev");
        let recorded = |identity| Recorded::new("l".to_owned(), identity, HashKey("k".to_owned()));
        assert_eq!(check_environment(&recorded(of("dev")), &of("dev")), Ok(()));
        assert!(check_environment(&recorded(of("dev")), &of("prod")).is_err());
        let older = EnvironmentIdentity { environment: "env-sim".to_owned(), ..of("dev") };
        assert_eq!(check_environment(&recorded(older.clone()), &of("dev")), Ok(()));
        assert!(
            check_environment(
                &recorded(older.clone()),
                &EnvironmentIdentity { region: "eu-west-1".to_owned(), ..of("dev") }
            )
            .is_err()
        );
        let real = EnvironmentIdentity { organization: "b0b21724-4586-4a07-b787-d0bb5aacbf87".to_owned(), ..of("dev") };
        assert!(check_environment(&recorded(older), &real).is_err());
    }

    #[test]
    fn a_state_of_another_environment_is_refused_naming_both() {
        let identity = |environment: &str, region: &str| EnvironmentIdentity {
            environment: environment.to_owned(),
            region: region.to_owned(),
            ..crate::resource::tests::identity()
        };
        let recorded = Recorded::new("l".to_owned(), identity("env-a", "us-east-1"), HashKey("k".to_owned()));
        assert_eq!(check_environment(&recorded, &identity("env-a", "us-east-1")), Ok(()));
        for other in [identity("env-b", "us-east-1"), identity("env-a", "eu-west-1")] {
            let message = check_environment(&recorded, &other).unwrap_err().to_string();
            assert!(message.contains("env-a (aws us-east-1"), "{message}");
            assert!(message.contains(&other.environment) && message.contains(&other.region), "{message}");
        }
    }
}
