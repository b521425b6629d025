/** The rendered manifests of a values file as a read-only document, which follows the file that the server writes. */

import { basename, dirname } from "node:path";
import * as vscode from "vscode";

export const SCHEME = "modelservice-manifests";

/**
 * Shows the files that the server renders to.
 *
 * @implements {vscode.TextDocumentContentProvider}
 */
export class Manifests {
  constructor() {
    /** @type {vscode.EventEmitter<vscode.Uri>} */
    this.changed = new vscode.EventEmitter();
    this.onDidChange = this.changed.event;
    /** @type {Map<string, vscode.Disposable>} */
    this.watchers = new Map();
    this.subscriptions = vscode.Disposable.from(
      this.changed,
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.workspace.onDidCloseTextDocument((document) => this.unwatch(document.uri)),
    );
  }

  /**
   * Open a file of the server beside the active editor, which keeps the focus.
   *
   * @param {vscode.Uri} file
   */
  async show(file) {
    const shown = file.with({ scheme: SCHEME });
    this.watch(file, shown);
    const document = await vscode.workspace.openTextDocument(shown);
    await vscode.languages.setTextDocumentLanguage(document, "yaml");
    await vscode.window.showTextDocument(document, {
      viewColumn: vscode.ViewColumn.Beside,
      preserveFocus: true,
      preview: false,
    });
  }

  /**
   * @param {vscode.Uri} shown
   * @returns {Promise<string>}
   */
  async provideTextDocumentContent(shown) {
    const content = await vscode.workspace.fs.readFile(shown.with({ scheme: "file" }));
    return new TextDecoder().decode(content);
  }

  /**
   * @param {vscode.Uri} file
   * @param {vscode.Uri} shown
   */
  watch(file, shown) {
    if (this.watchers.has(shown.toString())) return;
    const pattern = new vscode.RelativePattern(vscode.Uri.file(dirname(file.fsPath)), basename(file.fsPath));
    const watcher = vscode.workspace.createFileSystemWatcher(pattern, false, false, true);
    watcher.onDidChange(() => this.changed.fire(shown));
    watcher.onDidCreate(() => this.changed.fire(shown));
    this.watchers.set(shown.toString(), watcher);
  }

  /** @param {vscode.Uri} shown */
  unwatch(shown) {
    this.watchers.get(shown.toString())?.dispose();
    this.watchers.delete(shown.toString());
  }

  dispose() {
    this.subscriptions.dispose();
    this.watchers.forEach((watcher) => watcher.dispose());
  }
}
