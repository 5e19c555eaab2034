//! One part of a declaration alone, for applications that put their station together themselves: a
//! pipeline, a server, an output or a mount, with the keys of its table at the top.

use std::path::Path;

use super::node::Node;
use super::problem::{ConfigError, Place, Problems};
use super::raw::{RawMount, RawOutput, RawPipeline, RawServer};
use super::typed::Reader;
use super::{Language, folder_of, read_tree};
use crate::audio::PcmSpec;
use crate::pipeline::{OutputSettings, PipelineSettings};
use crate::server::{MountSettings, ServerSettings};

impl PipelineSettings {
    /// One pipeline alone, declared in TOML: the keys of `[[pipeline]]` at the top. Otherwise as
    /// [`Config::from_toml`](crate::Config::from_toml).
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn from_toml(text: &str, origin: &Path) -> Result<PipelineSettings, ConfigError> {
        toml(text, origin, pipeline)
    }

    /// One pipeline alone, declared in JSON. Relative paths are relative to `base`.
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
    /// A server, declared in TOML: the keys of `[server]` at the top. `origin` names it in problems.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn from_toml(text: &str, origin: &Path) -> Result<ServerSettings, ConfigError> {
        toml(text, origin, server)
    }

    /// A server, declared in JSON.
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
    /// An output of a pipeline of this shape, declared in TOML: the keys of `[[pipeline.output]]` at the
    /// top. `origin` names it in problems.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn from_toml(text: &str, origin: &Path, spec: PcmSpec) -> Result<OutputSettings, ConfigError> {
        toml(text, origin, |root, problems| output(root, problems, spec))
    }

    /// An output of a pipeline of this shape, declared in JSON.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_json(text: &str, spec: PcmSpec) -> Result<OutputSettings, ConfigError> {
        json(text, Path::new(""), |root, problems| output(root, problems, spec))
    }
}

impl MountSettings {
    /// A mount that an application feeds, declared in TOML: the keys of `[[pipeline.output]]` that are about
    /// the mount, with `content_type` said, and `bitrate`, `sample_rate` and `channels` as far as they are
    /// known. `origin` names it in problems.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn from_toml(text: &str, origin: &Path) -> Result<MountSettings, ConfigError> {
        toml(text, origin, mount)
    }

    /// The same in JSON.
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

/// What is meant, once all that is written has been read.
type Meaning<'a, T> = Box<dyn FnOnce(&mut Reader<'_>) -> Option<T> + 'a>;

fn pipeline(root: Node, problems: &mut Problems) -> Meaning<'static, PipelineSettings> {
    let raw = RawPipeline::read(root, Place::default(), problems);
    Box::new(move |reader| Some(reader.lone_pipeline(raw)))
}

fn server(root: Node, problems: &mut Problems) -> Meaning<'static, ServerSettings> {
    let raw = RawServer::read(root, Place::default(), problems);
    Box::new(move |reader| Some(reader.server(raw)))
}

fn output(root: Node, problems: &mut Problems, spec: PcmSpec) -> Meaning<'static, OutputSettings> {
    let raw = RawOutput::read(root, Place::default(), problems);
    Box::new(move |reader| reader.output_alone(raw, spec))
}

fn mount(root: Node, problems: &mut Problems) -> Meaning<'static, MountSettings> {
    let raw = RawMount::read(root, Place::default(), problems);
    Box::new(move |reader| reader.mount_alone(raw))
}

fn toml<'a, T>(
    text: &str,
    origin: &Path,
    written: impl FnOnce(Node, &mut Problems) -> Meaning<'a, T>,
) -> Result<T, ConfigError> {
    parse(text, Node::from_toml, folder_of(origin), Problems::new(Some(origin)), written)
}

fn json<'a, T>(
    text: &str,
    base: &Path,
    written: impl FnOnce(Node, &mut Problems) -> Meaning<'a, T>,
) -> Result<T, ConfigError> {
    parse(text, Node::from_json, base, Problems::new(None), written)
}

fn parse<'a, T>(
    text: &str,
    language: Language,
    base: &Path,
    mut problems: Problems,
    written: impl FnOnce(Node, &mut Problems) -> Meaning<'a, T>,
) -> Result<T, ConfigError> {
    let meant = read_tree(text, language, &mut problems, |root, problems| {
        let meaning = written(root, problems);
        move |problems: &mut Problems| meaning(&mut Reader::new(base, problems))
    });
    problems.into_result()?;
    Ok(meant.flatten().expect("there is a value where there is no problem"))
}
