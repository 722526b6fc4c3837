"""Which folders are taken for classes where nobody says: what people call classes, and what they call the rest."""

from pathlib import Path

import pytest

from barlowmatch.data.folder_guess import why_no_classes
from tests.data.test_folder_names import some, warnings
from tests.data.test_layouts import read, told, touch

CLASSES = [
    # two classes of bare words, which may also be the words for folders of pictures
    "pos neg", "positive negative", "day night", "field forest", "animal plant", "patient control", "new used",
    "raw cooked", "part whole", "camera phone", "site building", "slide swing", "frame glasses", "plate cup bowl",
    "week weekend", "scan photograph", "run walk sit", "march run", "sun moon", "well ill", "location person",
    "cat dog", "normal abnormal unsure", "dawn noon dusk", "may april june-beetle cockchafer bee wasp",
    # numbers and numbered words that name classes
    "0 1 2 3 4 5 6 7 8 9", "00000 00001 00042", "1 2 10 102", "class_0 class_1 class_2", "class1 class2",
    "cls-1 cls-2", "label_0 label_1", "Type_1 Type_2 Type_3", "grade1 grade2 grade3", "grade_A grade_B",
    "stage|1,stage|2", "species_01 species_02", "character01 character02", "G1 S G2 M", "CD4 CD8", "T1 T2 FLAIR",
    "c0 c1 c2 c9", "s1 s2 s40", "M3 M4 M5", "KL0 KL1 KL2", "5|euro,10|euro,20|euro", "10_cent 20_cent", "40X 100X 400X",
    "n01440764 n02102040 n02979186", "n02085620-Chihuahua n02085782-Japanese_spaniel",
    "001.Black_footed_Albatross 002.Laysan_Albatross", "0_normal 1_mild 2_severe", "20-29 30-39 40-49",
    "hepatitis|A,hepatitis|B", "Tomato___healthy Tomato___Leaf_Mold", "covid normal", "covid19 normal pneumonia",
    "Audi|A4|2009,BMW|X3|2012,Fiat|500|2012", "Boeing|737,Airbus|A320,Cessna", "R2D2 C3PO",
    "airplane automobile bird bird2", "anna bob", "plates parts camp cams", "cat,cat|(2),dog", "misc cat dog",
    "python2 perl ruby", "marble_1 granite_2", "Ångström élan", "猫 犬",
]  # fmt: skip
NO_CLASSES = [
    # dates
    "2023-05 2023-06", "2023-05-01 2023-05-02", "20230501 20230502", "2023_05_01 2023_05_09", "2022 2023",
    "230501 230502", "01.05.2023 02.05.2023", "2023-05-01|Zoo,2023-06-11|Lake", "20230501_101500 20230501_114210",
    "2019|Italy,2020|Norway", "May|2023,June|2023", "12|May,13|May", "January February", "Mon Tue Wed",
    "monday tuesday", "summer|2022,summer|2023", "2023-05-01 zoo",
    # cameras and what they and computers call folders
    "100CANON 101CANON", "100APPLE 101APPLE", "101_PANA 102_PANA", "100_0512 101_0513", "DCIM 100GOPRO",
    "images photos", "new|folder,new|folder|(2)", "Untitled|folder,Untitled|folder|2", "images1 images2",
    "IMG_001 IMG_002", "frames_0001 frames_0002",
    # what is counted
    "day1 day2", "Day|1,Day|2", "day1 day2 misc", "day1 day2 day3 holiday", "plate1 Plate_2", "plate_03 plate_04",
    "plate|A,plate|B", "PlateA PlateB", "cam0 cam1", "cam_L cam_R", "camera-1 camera-2", "Kamera|1,Kamera|2",
    "batch1 batch2", "session_01 session_02", "site_a site_b site_c", "week|3,week|4", "patient_0012 patient_0013",
    "patient1 patient2 control1 control2", "P001 P002 P003", "S01 S02", "A01 A02 B01 H12", "A1 A2 B1 B2",
    "well_A1 well_B2", "wellA01 wellB01", "mouse12 mouse13", "animal_3 animal_4", "slide|4,slide|5", "run1 run2",
    "exp1_day1 exp1_day2 exp2_day1", "exp_7 exp_8", "zoo1 zoo2", "Zoo|(1),Zoo|(2)", "album1 album2", "part1 part2",
    "photographer1 photographer2", "anna_1 anna_2 bob_1 bob_2", "pos0 pos1 pos2", "Tag1 Tag2", "01_plate 02_plate",
]  # fmt: skip


def folders(names: str) -> list[str]:
    return [name.replace("|", " ") for name in names.split("," if "|" in names else " ")]


@pytest.mark.parametrize("names", CLASSES)
def test_folders_that_are_taken_for_classes(names: str) -> None:
    assert why_no_classes(some(*folders(names))) is None


@pytest.mark.parametrize("names", NO_CLASSES)
def test_folders_that_are_taken_for_dates_batches_or_cameras(names: str) -> None:
    assert "look like dates, batches or cameras" in (why_no_classes(some(*folders(names))) or "")


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["a.png", "cat/1.png", "dog/2.png"], "beside"),
        (["photos/1.png", "photos/2.png"], "one folder"),
        (["cat/left/1.png", "cat/right/2.png", "dog/left/1.png", "dog/left/2.png"], "within folders"),
        (["a/1.png", "b/2.png", "c/3.png"], "single image"),
    ],
)
def test_pictures_that_do_not_lie_as_those_of_classes_do(names: list[str], why: str) -> None:
    assert why in (why_no_classes(names) or "")


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (some("plate_1", "plate_2"), ("plate_1", "plate_2")),
        (["loose.png", *some("cat", "dog")], ("cat", "dog")),
        (some("cat/left", "dog/right"), ("cat", "dog")),
        (["a/1.png", "b/1.png"], ("a", "b")),
        (some("plate_1", "plate_2", "train"), ("plate_1", "plate_2", "train")),
    ],
)
def test_a_guess_that_costs_labels_is_a_warning_and_can_be_overruled(
    names: list[str], labels: tuple[str, ...], tmp_path: Path
) -> None:
    touch(tmp_path, *names)
    assert read(tmp_path).layout == "flat"
    (warning,) = warnings(tmp_path)
    assert warning.startswith("no labels from the folders' names: ")
    assert "where folders are classes, give --class-folders 1, else label in the app, or in a labels.csv" in warning
    dataset = read(tmp_path, class_folders=1, val_share=0)
    assert (dataset.layout, dataset.class_names) == ("class-folders", labels)
    assert {dataset.files[row] for row in dataset.unlabeled} == {name for name in names if "/" not in name}
    for told_otherwise in (0, 1):
        assert warnings(tmp_path, class_folders=told_otherwise) == []
    assert "--class-folders" not in told(tmp_path, class_folders=0)


def test_of_a_single_folder_nothing_is_warned(tmp_path: Path) -> None:
    touch(tmp_path, *some("photos"))
    assert warnings(tmp_path) == []
    assert "there is one folder; where folders are classes, give --class-folders 1" in told(tmp_path)
