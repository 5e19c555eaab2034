//! Parts of a declaration, for applications that build their station themselves: a pipeline, a server, an
//! output, a mount, or an ingredient of a schedule, with the keys of its table at the top.

use std::path::Path;

use super::node::Node;
use super::problem::{ConfigError, Place, Problems};
use super::reader::Reader;
use super::{Language, folder_of};
use crate::audio::PcmSpec;
use crate::pipeline::{OutputSettings, PipelineSettings};
use crate::playout::{Ingredient, IngredientKind};
use crate::server::{MountSettings, ServerSettings};

impl PipelineSettings {
    /// Reads a single pipeline in TOML: the keys of `[[pipeline]]`, at the top level. The rest is as in
    /// [`Config::from_toml`](crate::Config::from_toml).
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn from_toml(text: &str, origin: &Path) -> Result<PipelineSettings, ConfigError> {
        toml(text, origin, pipeline)
    }

    /// Reads a single pipeline in JSON. Relative paths are relative to `base`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    ///
    /// ```
    /// # #[cfg(feature = "mp3")] {
    /// use longwave::PipelineSettings;
    /// let text = r#"{ "name": "night", "output": [{ "format": "mp3", "mount": "/night.mp3" }] }"#;
    /// let settings = PipelineSettings::from_json(text, "".as_ref())?;
    /// assert_eq!(settings.outputs[0].mount.path, "/night.mp3");
    /// # }
    /// # Ok::<(), longwave::ConfigError>(())
    /// ```
    pub fn from_json(text: &str, base: &Path) -> Result<PipelineSettings, ConfigError> {
        json(text, base, pipeline)
    }
}

impl ServerSettings {
    /// Reads the settings of a server in TOML: the keys of `[server]`, at the top level. Problems name
    /// `origin`.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn from_toml(text: &str, origin: &Path) -> Result<ServerSettings, ConfigError> {
        toml(text, origin, server)
    }

    /// Reads the settings of a server in JSON.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    ///
    /// ```
    /// use longwave::ServerSettings;
    /// let settings = ServerSettings::from_json(r#"{ "listen": "127.0.0.1:0", "burst": "2s" }"#)?;
    /// assert_eq!(settings.listen[0].port(), 0);
    /// # Ok::<(), longwave::ConfigError>(())
    /// ```
    pub fn from_json(text: &str) -> Result<ServerSettings, ConfigError> {
        json(text, Path::new(""), server)
    }
}

impl OutputSettings {
    /// Reads an output in TOML, for a pipeline with this PCM spec: the keys of `[[pipeline.output]]`, at the
    /// top level. Problems name `origin`.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn from_toml(text: &str, origin: &Path, spec: PcmSpec) -> Result<OutputSettings, ConfigError> {
        toml(text, origin, |reader, root| reader.output_alone(root, spec))
    }

    /// Reads an output in JSON, for a pipeline with this PCM spec.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_json(text: &str, spec: PcmSpec) -> Result<OutputSettings, ConfigError> {
        json(text, Path::new(""), |reader, root| reader.output_alone(root, spec))
    }
}

impl MountSettings {
    /// Reads a mount that an application feeds, in TOML: the keys of `[[pipeline.output]]` that describe the
    /// mount. `content_type` must be given; `bitrate`, `sample_rate` and `channels` are given if they are
    /// known. Problems name `origin`.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn from_toml(text: &str, origin: &Path) -> Result<MountSettings, ConfigError> {
        toml(text, origin, mount)
    }

    /// Reads a mount that an application feeds, in JSON.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    ///
    /// ```
    /// use longwave::MountSettings;
    /// let text = r#"{ "mount": "/live.mp3", "content_type": "audio/mpeg", "bitrate": 128 }"#;
    /// assert_eq!(MountSettings::from_json(text)?.path, "/live.mp3");
    /// # Ok::<(), longwave::ConfigError>(())
    /// ```
    pub fn from_json(text: &str) -> Result<MountSettings, ConfigError> {
        json(text, Path::new(""), mount)
    }
}

impl Ingredient {
    /// Reads a daypart, an insert or a slot in JSON: the keys of its table in a configuration. Relative paths
    /// are relative to `base`. The disk is not looked at.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    ///
    /// ```
    /// use longwave::{Ingredient, IngredientKind};
    /// let text = r#"{ "name": "News", "at": "Mon-Fri 07:00", "play": "news.mp3", "late": "5m" }"#;
    /// let news = Ingredient::from_json(IngredientKind::Slot, text, "".as_ref())?;
    /// assert_eq!(news.name(), "News");
    /// # Ok::<(), longwave::ConfigError>(())
    /// ```
    pub fn from_json(kind: IngredientKind, text: &str, base: &Path) -> Result<Ingredient, ConfigError> {
        json(text, base, |reader, root| {
            let place = Place::default();
            Some(match kind {
                IngredientKind::Daypart => Ingredient::Daypart(reader.of_programme(root, place)),
                IngredientKind::Insert => Ingredient::Insert(reader.of_programme(root, place)),
                IngredientKind::Slot => Ingredient::Slot(reader.of_programme(root, place)),
            })
        })
    }
}

fn pipeline(reader: &mut Reader<'_>, root: Node) -> Option<PipelineSettings> {
    Some(reader.lone_pipeline(root))
}

fn server(reader: &mut Reader<'_>, root: Node) -> Option<ServerSettings> {
    Some(reader.server(root, Place::default()))
}

fn mount(reader: &mut Reader<'_>, root: Node) -> Option<MountSettings> {
    Some(reader.mount_alone(root))
}

fn toml<T>(
    text: &str,
    origin: &Path,
    read: impl FnOnce(&mut Reader<'_>, Node) -> Option<T>,
) -> Result<T, ConfigError> {
    parse(text, Node::from_toml, folder_of(origin), Problems::new(Some(origin)), read)
}

fn json<T>(
    text: &str,
    base: &Path,
    read: impl FnOnce(&mut Reader<'_>, Node) -> Option<T>,
) -> Result<T, ConfigError> {
    parse(text, Node::from_json, base, Problems::new(None), read)
}

fn parse<T>(
    text: &str,
    language: Language,
    base: &Path,
    mut problems: Problems,
    read: impl FnOnce(&mut Reader<'_>, Node) -> Option<T>,
) -> Result<T, ConfigError> {
    let root = language(text, &mut problems);
    problems.end_of_syntax();
    let value = read(&mut Reader::new(base, &mut problems), root);
    problems.into_result()?;
    Ok(value.expect("there is a value where there is no problem"))
}
