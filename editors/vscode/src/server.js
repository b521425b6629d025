/** How the language server is found and started. Nothing in here needs VS Code. */

import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

export const INSTALL =
  "pip install 'llm-d-modelservice[lsp] @ git+https://github.com/llm-d/llm-d-modelservice'";

/** The language server cannot run; the message says what to do. */
export class Unavailable extends Error {}

/**
 * Return the path of the program `modelservice`.
 *
 * @param {string} setting path in the settings; empty if not set
 * @param {string[]} folders workspace folders
 * @param {NodeJS.ProcessEnv} environment environment variables
 * @returns {string}
 * @throws {Unavailable} there is none
 */
export function program(setting, folders, environment = process.env) {
  if (setting) {
    const found = candidates(setting, folders, environment).find(isProgram);
    if (found) return found;
    throw new Unavailable(
      `modelservice.path is ${setting}, which is not a program. Set it to the path of modelservice, or install it there: ${INSTALL}`,
    );
  }
  const environments = folders.flatMap((folder) => [".venv", "venv"].map((name) => join(folder, name, binaries)));
  const found = [...environments, ...path(environment)].map((folder) => join(folder, executable)).find(isProgram);
  if (found) return found;
  throw new Unavailable(
    `modelservice is neither in .venv or venv of the workspace folder nor on PATH. Install it (${INSTALL}), or set modelservice.path.`,
  );
}

const windows = process.platform === "win32";
const binaries = windows ? "Scripts" : "bin";
const executable = windows ? "modelservice.exe" : "modelservice";

/**
 * @param {string} setting
 * @param {string[]} folders
 * @param {NodeJS.ProcessEnv} environment
 * @returns {string[]}
 */
function candidates(setting, folders, environment) {
  const isName = !/[\\/]/.test(setting);
  if (isName) return path(environment).map((folder) => join(folder, setting));
  return folders.length ? folders.map((folder) => resolve(folder, setting)) : [resolve(setting)];
}

/**
 * @param {NodeJS.ProcessEnv} environment
 * @returns {string[]}
 */
function path(environment) {
  return (environment.PATH ?? environment.Path ?? "").split(delimiter).filter(Boolean);
}

/**
 * @param {string} file
 * @returns {boolean}
 */
function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** A process with the language server, and what it printed about itself. */
export class Server {
  /**
   * @param {string} command path of `modelservice`
   * @param {string | undefined} folder working folder
   */
  constructor(command, folder) {
    this.command = command;
    this.process = spawn(command, ["lsp"], { cwd: folder, stdio: "pipe" });
    this.log = "";
    this.process.stderr.on("data", (part) => (this.log = (this.log + part).slice(-2000)));
    /** @type {Promise<void>} */
    this.closed = new Promise((done) => {
      this.process.once("close", () => done());
      this.process.once("error", (error) => {
        this.log += error.message;
        done();
      });
    });
  }

  /**
   * Return why a server stopped before it answered.
   *
   * @returns {Promise<Unavailable>}
   */
  async failure() {
    await this.closed;
    const reason = this.log.trim() || "it printed nothing";
    return new Unavailable(`${this.command} lsp does not start: ${reason}. Install it with its extra lsp: ${INSTALL}`);
  }
}
