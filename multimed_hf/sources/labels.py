"""Label sets, and the targets that several sources share."""

from __future__ import annotations

from .source import Target

PBMC68K_TYPES = (
    "CD14+ Monocyte",
    "CD19+ B",
    "CD34+",
    "CD4+/CD25 T Reg",
    "CD4+/CD45RA+/CD25- Naive T",
    "CD4+/CD45RO+ Memory",
    "CD56+ NK",
    "CD8+ Cytotoxic T",
    "CD8+/CD45RA+ Naive Cytotoxic",
    "Dendritic",
)

OPENI_FINDINGS = (
    "normal",
    "opacity",
    "cardiomegaly",
    "pulmonary atelectasis",
    "calcinosis",
    "calcified granuloma",
    "cicatrix",
    "pleural effusion",
    "atherosclerosis",
    "airspace disease",
    "nodule",
    "scoliosis",
    "emphysema",
    "pulmonary congestion",
)

NIH_FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Effusion",
    "Emphysema",
    "Fibrosis",
    "Hernia",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pleural_Thickening",
    "Pneumonia",
    "Pneumothorax",
)

RETINOPATHY_GRADES = ("no retinopathy", "mild", "moderate", "severe", "proliferative")

IMAGINED_MOVEMENTS = Target(
    "imagined_motor_imagery_classification",
    "fists_and_feet",
    ("left_fist", "right_fist", "both_fists", "both_feet"),
)

EYE_STATES = Target("eye_state", "open_closed", ("open", "closed"), spelt=("eyes open", "eyes closed"))

MACULAR_DISEASES = Target(
    "disease_classification",
    "macula",
    ("CNV", "DME", "DRUSEN", "NORMAL"),
    spelt=("choroidal neovascularisation", "diabetic macular oedema", "drusen", "normal"),
)

CHEST_FINDINGS = Target("radiographic_findings_classification", "nih_14", NIH_FINDINGS)

BRAIN_TUMOURS = Target(
    "brain_tumor_classification",
    "tumour_kind",
    ("glioma", "meningioma", "notumor", "pituitary"),
    spelt=("glioma", "meningioma", "no tumour", "pituitary tumour"),
)

RETINOPATHY = Target("diabetic_retinopathy_classification", "grades", RETINOPATHY_GRADES)

BONE_AGE_YEARS = Target("bone_age_classification", "years", tuple(str(year) for year in range(20)), unit="year")

BACKBONES = Target("protein_structure_prediction", "backbone", unit="angstrom")

# What may sit in any organ of a synthetic patient: one label space for radiograph, CT and MR.
LESIONS = Target("disease_classification", "lesions", ("normal", "cyst", "tumour", "haemorrhage", "calcification"))

SYNTHETIC_CELL_TYPES = (
    "B cell",
    "CD4 T cell",
    "CD8 T cell",
    "NK cell",
    "monocyte",
    "dendritic cell",
    "plasma cell",
    "megakaryocyte",
)
