/** The connection to the language server. */

import { CloseAction, ExecuteCommandRequest, LanguageClient } from "vscode-languageclient/node";
import { Server, Unavailable, program } from "./server.js";

/** Command of the server that renders a values file and shows the result. */
const SHOW_MANIFESTS = "modelservice.showManifests";

/**
 * Starts the server again where it crashes, but not where it could not start at all.
 */
export class Client extends LanguageClient {
  /**
   * @param {string} setting path of `modelservice` in the settings; empty if not set
   * @param {string[]} folders workspace folders
   * @param {import("vscode-languageclient/node").LanguageClientOptions} options
   */
  constructor(setting, folders, options) {
    /** @type {{ server?: Server, started: boolean }} */
    const running = { started: false };
    const serve = async () => {
      running.server = new Server(program(setting, folders), folders[0]);
      return running.server.process;
    };
    super("modelservice", "Modelservice", serve, {
      ...options,
      initializationFailedHandler: () => false,
      errorHandler: {
        error: (...given) => this.crashed.error(...given),
        closed: () =>
          running.started ? this.crashed.closed() : { action: CloseAction.DoNotRestart, handled: true },
      },
    });
    this.running = running;
    this.crashed = this.createDefaultErrorHandler();
  }

  /**
   * Start the server.
   *
   * @override
   * @throws {Unavailable} it cannot run
   */
  async start() {
    try {
      await super.start();
      this.running.started = true;
    } catch (error) {
      if (error instanceof Unavailable || !this.running.server) throw error;
      throw await this.running.server.failure();
    }
  }

  /**
   * Log an error, and show it unless the server never started: `start` says more about that.
   *
   * @override
   * @param {string} message
   * @param {any} [data]
   * @param {boolean | "force"} [show]
   */
  error(message, data, show = true) {
    super.error(message, data, this.running.started && show);
  }

  /**
   * Have the server show what a values file renders to.
   *
   * @param {import("vscode").Uri} values
   */
  async showManifests(values) {
    const uri = this.code2ProtocolConverter.asUri(values);
    await this.sendRequest(ExecuteCommandRequest.type, { command: SHOW_MANIFESTS, arguments: [uri] });
  }
}
