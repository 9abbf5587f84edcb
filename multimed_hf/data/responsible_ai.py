"""What a data set says about people, limits and use, from its sources: the properties for responsible AI of Croissant.

Names are those of http://mlcommons.org/croissant/RAI/1.0; `rai:hasSyntheticData` and the two of PROV are what NeurIPS asks
for besides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..sources import Source
from .manifest import SubsetRecord

_UNKNOWN = (
    "Who is in a recorded source was decided by its release, and is no sample of any population of patients.",
    "How scores differ by age, sex, origin, site or device has been examined for no recorded source.",
)

LIMITS = (
    "Research data: not for training or testing anything that decides about a person without external validation.",
    "The groups of a source are few or from few places: a score holds for that source and for no clinic.",
)
"""What holds for all sources; each has limits of its own besides."""


def responsible_ai(sources: Sequence[Source], records: Mapping[str, SubsetRecord]) -> dict[str, Any]:
    """The properties, by name, in the order of the specification.

    Args:
        sources: the sources of all subsets.
        records: subset name to what was built.
    """
    recorded = [source for source in sources if not source.synthetic]
    notes = [
        f"{name}, {source}: {note}"
        for name, record in records.items()
        for source, given in record.sources.items()
        for note in given.notes
    ]
    made = [f"{source.subset}: {source.summary}" for source in sources if source.synthetic]
    read = [f"{source.subset}, {source.name}: {source.summary}" for source in recorded]
    people = (
        "Rows of recorded sources keep what their releases publish: pseudonyms of people, donors or recordings as groups, "
        "and where a release has them age, sex and site. No name, address or other direct identifier is added. Whoever uses "
        "the rows is bound by the terms of each release, and must not try to find out who somebody is."
    )
    invented = "Synthetic rows are of nobody: age, sex, site and device of simulated patients were drawn by a program."
    return {
        "rai:dataCollection": " ".join(
            [
                *(["Made by a program, not recorded from people: " + " ".join(made)] if made else []),
                *(["Read from published releases: " + " ".join(read)] if read else []),
            ]
        ),
        "rai:dataCollectionType": [
            *(["Software Collection"] if made else []),
            *(["Secondary Data analysis"] if read else []),
        ],
        "rai:dataPreprocessingProtocol": [
            "Every row says its source and its group (patient, donor, block, cluster); no group stands in two splits.",
            "What a row lacks is an empty text or list, class -1, or a false has_<modality>, never null; nothing is imputed.",
            *notes,
        ],
        "rai:dataAnnotationProtocol": " ".join(
            [
                *(["Labels of recorded sources are those of the release, unchanged."] if recorded else []),
                *(["Labels of synthetic rows are what the program drew."] if made else []),
                "Labels of two sources are never pooled.",
            ]
        ),
        "rai:dataLimitations": [
            *LIMITS,
            *(f"{source.subset}, {source.name}: {source.limits}." for source in sources),
        ],
        "rai:dataBiases": [
            *(_UNKNOWN if recorded else []),
            *(["In synthetic rows person, site and device have nothing to do with the condition."] if made else []),
        ],
        "rai:personalSensitiveInformation": [*([people] if recorded else []), *([invented] if made else [])],
        "rai:dataUseCases": [
            "Training and testing multimodal models in research: "
            + ", ".join(dict.fromkeys(target.task for source in sources for target in source.targets))
            + ".",
            "Not for diagnosis, triage, treatment, insurance, employment or any other decision about a person.",
        ],
        "rai:dataSocialImpact": "Meant to make methods for medical data comparable and errors visible. A high score here may "
        "be taken for clinical usefulness, which it does not show; whoever goes further needs data of the place of use, its "
        "approvals, and monitoring.",
        "rai:hasSyntheticData": bool(made),
        "prov:wasDerivedFrom": [
            {"@id": home} for home in dict.fromkeys(source.homepage for source in recorded) if home
        ],
        "prov:wasGeneratedBy": [
            {
                "@type": "prov:Activity",
                "prov:label": f"multimed build {name}",
                "sc:description": f"multimed_hf {record.version}, sources {', '.join(record.sources)}, fingerprint "
                f"{record.fingerprint}"
                + (f", seed {record.simulation['seed']} of the simulation" if "synthetic" in record.sources else ""),
            }
            for name, record in records.items()
        ],
    }
