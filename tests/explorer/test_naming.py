from explorer import naming


def test_units_of_one_layer_are_counted():
    assert naming.units((3,)) == ["1", "2", "3"]
    assert naming.spoken("2") == "unit 2"
    assert naming.symbol("12") == "z₁₂"


def test_units_of_a_hierarchy_carry_their_layer_the_top_with_the_highest_number():
    assert naming.units((2, 3)) == ["2.1", "2.2", "1.1", "1.2", "1.3"]
    assert naming.numbered((8, 4, 2)) == [(3, 8), (2, 4), (1, 2)]
    assert naming.spoken("2.1") == "unit z₂,₁"
