from tools.model_tables import PAGE, page


def test_the_page_of_models_says_what_the_filters_declare() -> None:
    text = PAGE.read_text()
    assert page(text) == text, "run `make model-tables`"
