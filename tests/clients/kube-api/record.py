#!/usr/bin/env python3
"""Records what a real kube-apiserver answers to the steps of scenarios, into the same files that replay.py plays.

usage: record.py --kubeconfig FILE SCENARIO.json...

A scenario is written by hand: a name and steps (see replay.py for their fields), without `expect`. This plays the steps
against the server and sets `expect` of each step that gets an answer. Record against a real server only.
"""
import argparse
import json
import pathlib

import replay


def written(scenario):
    """The text of a scenario: one line a step, so that a change of one answer is a change of one line."""
    steps = ",\n".join(json.dumps(step, sort_keys=True) for step in scenario["steps"])
    head = {key: value for key, value in scenario.items() if key != "steps"}
    return json.dumps(head, sort_keys=True)[:-1] + f', "steps": [\n{steps}\n]}}\n'


def record(server, file):
    """Fills in the answers of one scenario; returns how many."""
    scenario = json.loads(file.read_text())
    answers = 0
    for step, _, actual in replay.play(server, scenario, record=True):
        step["expect"] = actual
        answers += 1
    file.write_text(written(scenario))
    return answers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("scenarios", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    server = replay.Server(options.kubeconfig)
    for file in options.scenarios:
        print(f"{file.name}: {record(server, file)} answers")


if __name__ == "__main__":
    main()
